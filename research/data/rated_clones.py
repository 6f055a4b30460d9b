"""The files that the collected labelled data sets consist of."""

from collections.abc import Mapping

from research.data.collect import (
    DOUBAN,
    EMOTIONS,
    HALVES,
    NUMBERS,
    STARS,
    TENS,
    Aspects,
    Clone,
    Columns,
    JsonArray,
    JsonLines,
    Lines,
    Sheet,
)  # fmt: skip

COTTON = "ca33ebf3664188218f09591f3b603e64bc42040e"
XINJIANG = "7201fe64bc03cc49580a865d8a4411b06486ee4d"
DICOS = "a20ec86b2e6b91d0c09c8dd13b4a44fa3d9ba1ae"
DICOS_FILES = tuple(f"qsvc/data/{name}.txt" for name in ("口味", "价格", "其他", "环境", "极差评论"))
DICOS_LINES = Lines(r"\s*(?P<mark>\d+)\|\|(?P<text>.*)")
SIGHTS = "c79f9b7dc0b58c4113821ffee0d57e06069fb3d7"
FILMS_OF_WEIBO = "0ab0c5845cbeaddbae74ad4e3ab75af21b232aa8"
JD_FARM = "backend/app/lib/JDComment/data"
APPS = ("华为智能家居", "小米商城", "海尔U", "海尔智家", "米家", "美居")
FILMS = ("god father", "huidaozhongguo", "nezha", "shanghaibaolei", "wild tales", "xiaoshidai")
TEA = "4ad20c9b06e0099b5541cda797908a1fa8c3b242"
TEA_LINES = Lines("[^,]*,[^,]*,[^,]*,(?P<text>.*)")
TAIPEI = ("result/restaurant_list12/*.csv", "result/restaurant_list45/*.csv")
MAOYAN_LINES = Lines(r"\d{4}-\d\d-\d\d,[^,]*,[^,]*,(?P<mark>[\d.]+),(?P<text>.*)")
# Google owns its translations. Food delivery and the virus are topics of published sets on which models are compared.
UNWANTED = (
    r"由 ?Google ?提供|\(原始|Translated by Google|疫情|新冠|肺炎|確診|确诊|病毒|隔離|隔离|[Cc]ovid|COVID|"
    "外送|外賣|外卖|[Ff]ood ?[Pp]anda|[Uu]ber ?[Ee]ats?|熊貓|熊猫"
)
UNWANTED_POSTS = f"{UNWANTED}|快篩|疫苗|[Dd]eliveroo|戶戶送"
VIRUS = "疫情|新冠|肺炎|病毒|隔离|[Cc]ovid|COVID|武汉|口罩"
DEFAULT_REVIEWS = "此用户(?:未|没有)(?:及时)?填写评价|^\\s*(?:您没有填写内容|系统默认好评)"
UNWANTED_GOODS = f"{VIRUS}|{DEFAULT_REVIEWS}"
LAPTOPS = "2c1859e176088e06975942ea1530655bdce9d8b2"
# Marks of taste, ambience, service, cleanliness and value, from 1 to 5. Negative comments have low or medium marks and
# a low one for taste. Positive comments have high marks; a tenth of them is used, by day of the month.
DINED = Lines(
    r"20(?:1[6-9]|2\d)-\d\d-(?:\d\d(?=,1,[1-3],[1-3],\d,[1-3],|,2,[1-3],[12],\d,[12],)|\d7(?=,[45],[45],[45],\d,[45],)),"
    r'(?P<mark>\d),\d,\d,\d,\d,"?(?P<text>.{2,300}?)"?'
)
# Most reviews of banking apps with four stars report problems.
CLEAR_STARS: Mapping[str, int] = {"1": 1, "2": 2, "5": 5}
# Invitations to open an account, and English texts.
UNWANTED_BANK_REVIEWS = r"[A-Za-z' ]{60}|(?:邀請|邀请|推薦|推荐|優惠|优惠|開戶|开户)[碼码]|[Rr]eferral|[Ii]nvit"
NOTES_OF_PTT = r"-{2,}|Sent from [\w ]+|補個[淦幹]|https?://\S+|※ 引述.*?之銘言：?|板工提醒.*?刪除本行\."
# People and groups who are insulted.
INSULTED = "[羅罗]志祥|周揚青|渣男|陰陽人|阴阳人|太監|太监|婊"

RATED: Mapping[str, tuple[Clone, ...]] = {
    "rated/cotton_shop.csv": (
        Clone(
            "Beallhuang/chinese_sentiment", COTTON, ("new_comment-0907.txt",),
            Lines(r"(?P<mark>[01]\.0)\|(?P<text>.*)"), labels={"0.0": True, "1.0": False},
        ),
        Clone(
            "Beallhuang/chinese_sentiment", COTTON, ("data/hotel_comment/raw_data/pos.txt",), Lines(), positive=True
        ),
        Clone(
            "Beallhuang/chinese_sentiment", COTTON, ("data/hotel_comment/raw_data/neg.txt",), Lines(), positive=False
        ),
    ),
    "rated/dianping.csv": (
        Clone(
            "wshuyi/demo-chinese-text-classification-lstm-keras", "f2dcdfbe5e9f7425eda97fc6778792ba429e71b5",
            ("dianping.csv",), Columns(0, 1), labels=NUMBERS,
        ),
        Clone(
            "HughWen/dianping_label", "790e6a291bb7f8f0515b939b1067cc175acb8e56", ("data/label_6000.txt",), Aspects(),
            labels={"1": True, "3": False},
        ),
        Clone(
            "hbwzhsh/sentiment-analysis-cn", "bece4e4eb0200133222ca36dc5a4e9b5e5193ffd",
            ("data/reviews-20180805-full.csv",), Columns(2, 3), stars=TENS,
        ),
        Clone(
            "lino546464/dianping_shops_comments", XINJIANG, ("dianping/4星.csv", "dianping/5星.csv"),
            Lines("(?P<text>.*),[^,]*"), positive=True,
        ),
        Clone(
            "lino546464/dianping_shops_comments", XINJIANG, ("dianping/1星.csv", "dianping/2星.csv"),
            Lines("(?P<text>.*),[^,]*"), positive=False,
        ),
        # Two stars are lukewarm rather than bad for this chain, so these comments are used without labels.
        Clone("liaozp1/CommentAnalysis", DICOS, DICOS_FILES, DICOS_LINES, stars={"0": 1, "10": 1}),
    ),
    "rated/douban_crawls.csv": (
        Clone(
            "zhaphotons/DoubanComment", "ff9c5386c5a67db3634019432dca80bde887ed05",
            tuple(f"DoubanComment/Data/{name}.csv" for name in ("Line_Walker", "WeiWei", "Ice_Age_5")),
            Columns(0, 1), stars=STARS,
        ),
        Clone(
            "shenz4/DoubanSpider", "c4a8a371b080774ea56d72e55789ade47f80f188",
            ("comment/DoubanCommentsSpider/spiders/output/douban_movie_comments.csv",), Columns(0, 6),
            stars={f"allstar{mark} rating": stars for mark, stars in TENS.items()},
        ),
        Clone(
            "MChen9/Douban_Reviews_Filter", "9291f1cccf13579989cc4f7092987ff9faac5be3", ("ReviewsData_update.csv",),
            Columns(7, 5), stars=STARS,
        ),
        Clone(
            "LuoCheng0104/Crawler_crawls_to_take_douban_movie_short_comment_data",
            "abce2ac6bb974bbd85eecc1bf009d9b338807c45", ("data/到4058933",),
            Lines(r"\d+\s+.*?\s+看过\s+\d{4}-\d\d-\d\d\s+(?P<mark>力荐|推荐|还行|较差|很差)\s+(?P<text>.*)"),
            stars=DOUBAN,
        ),
    ),
    "rated/jd_farm.csv": (
        Clone(
            "gene1974/JDComment_website", "b394cd044f7b823acfb77abfa09734e91e00b518",
            tuple(
                f"{JD_FARM}/{name}.json"
                for name in ("comment_unlabeled", "comment_labeled", "comment_filtered", "train", "valid")
            ),
            JsonLines("comment_text", "user_star"), stars=STARS,
        ),
    ),
    "rated/senta.csv": (
        Clone(
            "YC-Coder-Chen/Weibo-Sentiment-Classifier", "5b3b9cb054da1991e2ea1c286a6d7cdd76272707",
            ("data/corpus_train.txt",), Lines(r"(?P<mark>[01])\s+(?P<text>.*)"), labels=NUMBERS, blanks=True,
        ),
    ),
    "rated/tuniu_sights.csv": (
        Clone("Jamin-m/Text-CNN", SIGHTS, ("data/good.txt",), Lines(), positive=True),
        Clone("Jamin-m/Text-CNN", SIGHTS, ("data/bad.txt",), Lines(), positive=False),
    ),
    "rated/weibo_film.csv": (
        Clone(
            "Kiris-tingna/kirito_intelligence", FILMS_OF_WEIBO, ("data/sentiment/pos_film.csv",), Columns(0),
            positive=True,
        ),
        Clone(
            "Kiris-tingna/kirito_intelligence", FILMS_OF_WEIBO, ("data/sentiment/neg_film.csv",), Columns(0),
            positive=False,
        ),
    ),
    "rated/weibo_nlpcc.csv": (
        Clone(
            "zpeng1989/WeiBo_SentimentAnalysis", "0264bea2491443e06fa975178995a4759d965e5d",
            ("WeiBoSem/data/train.txt",), Lines(r"(?P<mark>\w+) (?P<text>.*)"), labels=EMOTIONS,
        ),
    ),
    "rated/weibo_ocemotion.csv": (
        Clone(
            "ZhangYuGe18/Chinese_emotion_multi_classification", "85dc8d03f4d41a9fc54734c04b5fa412f6bea80a",
            ("data/天池比赛情绪分类训练数据集.xlsx",), Sheet(1, 2), labels=EMOTIONS,
        ),
    ),
    "rated/app_reviews.csv": (
        # The vendor's answer follows a line of dashes. The notice about deleted reviews says nothing about the label.
        Clone(
            "HumanAutomationInteractionLab-HAIL/appstoreCrawl", "5405ab08ecf83189591eb6473fd1dc6431f736f4",
            tuple(f"CutOnly/Comments/CommentsOf{name}.xlsx" for name in APPS), Sheet(5, 3), stars=STARS,
            cut="（该条评论已经被删除）|-{10,}.*",
        ),
    ),
    "rated/game_reviews.csv": (
        Clone(
            "VincentZJW/steam-reviews-analysis", "393e1378d9a6326310aae0a325a2968c6934704a",
            ("data/raw/reviews_chn.csv",), Columns(2, 3), labels={"TRUE": True, "FALSE": False},
        ),
        Clone(
            "QJ1234/steam_comments_crawler", "7dc825134e03a69053d4f36d9eca6ca0ed27ddc1", ("reviews.csv",),
            Columns(8, 1), labels={"推荐": True, "不推荐": False},
        ),
        Clone(
            "Eastr5/steam-reviews-analysis", "57853eaf1902f51f86409469ad8720201d2997c9", ("data/labeled_comments.csv",),
            Columns(3, 1), labels={"Recommended": True, "Not Recommended": False},
        ),
        # FALSE cells are read as empty.
        Clone(
            "ChenhaoMeng/Sentiment", "afa42884467b2101f594d3a5ed011f3bc519a03d", ("data/raw_reviews.xlsx",),
            Sheet(2, 3), labels={"True": True, "": False},
        ),
        Clone(
            "wwLia/black-myth-game-ops-dashboard", "5253635ce92a72d279b9de78f653770562d85fb9",
            ("data/wukong_reviews_sample.json",), JsonArray("content_clean", "recommendation"),
            labels={"推荐": True, "不推荐": False},
        ),
        # Most comments with many stars are suggestions and bug reports, or are mixed with three stars.
        Clone(
            "sariel-black/taptap_emotion_analyse", "715a6e845c9a812b100e5cafee59afa4f61ae661",
            ("taptap评论情感分析/data/tap_reviews cleaned.csv",), Columns(6, 5), stars={"1": 1, "2": 2},
        ),
        Clone(
            "anglee0323/Taptap_SentimentAnalysis", "e726d45f4b42751d6692f7372eb4a45b067b80ef",
            ("dataset/taptap_review.csv",), Columns(0, 1), labels={"0": False},
        ),
        Clone(
            "cosolo622/taptap_analyzer", "b886cbadf4a417308c4aee58948e46d8a605af1b",
            ("v1.1/backend/scripts/goose_goose_duck_reviews_2026-01-07_20260316_192922.json",),
            JsonArray("content", "rating"), stars=STARS,
        ),
    ),
    "rated/douban_shorts.csv": (
        Clone(
            "swingsultan/DBmoviecomment", "6d6597cccff95425615bb4c02d3c9aaea7388ca2", ("endpro/yansu1052.csv",),
            Columns(0, 4), stars=DOUBAN,
        ),
        Clone(
            "zoe9698/Mojito_Douban_analysis", "39e50427ad9692c4efd620d9ffddfe1a28c0c7b9",
            ("1Mojito豆瓣短评数据6.12.csv",), Columns(4, 2),
            stars={f"user-stars allstar{mark} rating": stars for mark, stars in TENS.items()},
        ),
        Clone(
            "mashukui/douban_short_comment", "21f8105b9f78b871afd777a4956160cb2c4ac474",
            ("豆瓣短评_35556001_前20页.csv",), Columns(6, 2),
            stars={f"{mark}星": stars for mark, stars in STARS.items()},
        ),
        Clone(
            "heyueyuan/Movie-Comments-Analytics-based-on-Nezha", "e4d3eadf607c08fe8a2c0a5b1ca4267044df8011",
            ("duye_comments.csv",), Columns(4, 2), stars=STARS,
        ),
        Clone(
            "JiaxuanCai/Big_data_movie_comments_analysis", "3f1fac54ef41ab736f94cb2d5c339b97af913bb3",
            ("result/comments.csv", *(f"some results/{name}/comments.csv" for name in FILMS)), Columns(3, 2),
            stars=STARS,
        ),
        Clone(
            "Uzukidd/Comment-sentiment-analysis", "69a53193b37f388abef80c7e8f0c3a54524bfafc",
            tuple(f"DataImporter/DataSet/movie_short_comments{name}.csv" for name in ("", "_utf8_v2")), Columns(5, 4),
            stars=STARS,
        ),
        Clone(
            "Wanxuex/sentiment-classication-pytorch", "a27fea39d8049e7c7a604e3f75b4404e5627662c",
            tuple(f"data/reviews/reviews_{number}.csv" for number in (25907124, 26985127, 30257787)), Columns(3, 4),
            stars=STARS,
        ),
    ),
    "rated/maoyan.csv": (
        Clone(
            "LWLlasia/Maoyan_comment", "d52a8f5bef31841a00f02d874e4796e127d70f3e", ("Maoyan_comment/data/*.csv",),
            Columns(3, 6), stars=HALVES,
        ),
        Clone(
            "summerheday/maoyan_direnjie", "7d450b99f57c36d1dd9257d5d6979bdef90848d2", ("狄仁杰.txt",), MAOYAN_LINES,
            stars=HALVES,
        ),
        Clone(
            "Erikfather/movie_comment_analysis", "f0feb8ed9e8879fb72b7dd895fca50c52660acea", ("yaoshen.txt",),
            MAOYAN_LINES, stars=HALVES,
        ),
        Clone(
            "Hinsss/maoyan_movie_review", "19db4c0fbee2dd9ebb3d43429023cfa20ce603d7", ("maoyan.csv",), Columns(6, 5),
            stars=HALVES,
        ),
        Clone(
            "BelliumTang/Maoyan_comment", "ea18d688a229f1305e930094b81c96741edd164c", ("哪吒之魔童降世影评.csv",),
            Columns(5, 4), stars=HALVES,
        ),
    ),
    "rated/jd_phones.csv": (
        Clone(
            "ChaiCunhao/phone_comments", "0237a330a621d2bd1459474f14e02a57a4c324f8",
            ("train.csv", "dev.csv", "test.csv"), Columns(1, 2), labels=NUMBERS, cut=r"\\n",
        ),
    ),
    "rated/jd_tea_shoes.csv": (
        Clone("lino546464/jd_comments", TEA, ("jd_cn_hp.csv",), TEA_LINES, positive=True),
        Clone("lino546464/jd_comments", TEA, ("jd_cn_cp.csv",), TEA_LINES, positive=False),
        Clone(
            "xyfJASON/comment-analysis", "3724027a3b6e3cd588f744c0cf4b619c81f92664",
            ("_nltk/villa/jdComment_DataSet.csv",), Columns(2, 5), labels={"3": True, "1": False},
        ),
    ),
    "rated/taiwan_food.csv": (
        Clone(
            "minchenlee/Google-map-review-crawler", "0328e003c8ab09b08d1a16e94029cf4e40f26ee5", TAIPEI, Columns(5, 2),
            stars=STARS, unwanted=UNWANTED,
        ),
    ),
    "rated/taiwan_sights.csv": (
        Clone(
            "Lin-Wei-Han/google_spotcomment_data", "9a279ca4465d548243a0f8f282ae9d077864978f", ("data/*.csv",),
            Columns(2, 1), stars=STARS, unwanted=UNWANTED,
        ),
    ),
    "rated/taiwan_hospitals.csv": (
        Clone(
            "spolo0501/LDA_hospital", "d96532e3d767d885582453ba2154038f4785729a", ("data/raw/taiwan/[0-9]*.xlsx",),
            Sheet(4, 2), stars=STARS, unwanted=UNWANTED,
        ),
    ),
    "rated/hong_kong.csv": (
        Clone(
            "Voilaxuan/Data-analysis-and-visualization-of-Openrice", "bd88c9420fe39fa0d3effb520ae797af43ef7a2c",
            ("dataset/comments/*.csv",), DINED, stars=STARS, unwanted=f"{UNWANTED_POSTS}|[A-Za-z]{{40}}",
        ),
        Clone(
            "yutsang/review-sentiment", "76f1cc4978c5fa216ca760aa304f90bfd4d7387a", ("output/*_bank_reviews.xlsx",),
            Sheet(3, 4), stars=CLEAR_STARS, unwanted=f"{UNWANTED_POSTS}|{UNWANTED_BANK_REVIEWS}",
        ),
        Clone(
            "yutsang/review-sentiment", "76f1cc4978c5fa216ca760aa304f90bfd4d7387a",
            ("output/combined_data_20250805_104554/*_bank_combined_reviews.xlsx",), Sheet(2, 3),
            stars=CLEAR_STARS, unwanted=f"{UNWANTED_POSTS}|{UNWANTED_BANK_REVIEWS}",
        ),
    ),
    "rated/taiwan_posts.csv": (
        # The label is the PTT board that the author chose: Happy, Hate or Sad.
        Clone(
            "devilhyt/sentiment-analysis-bert", "be958b5686fd20be7f7fccc53015dcc48d9b39e8",
            ("ptt_dataset/train.csv", "ptt_dataset/validation.csv"), Columns(0, 1),
            labels={"happy": True, "hate": False, "sad": False}, cut=NOTES_OF_PTT, unwanted=UNWANTED_POSTS,
        ),
        # Labelled by hand: the sentiment towards the video and its author.
        Clone(
            "tzuchyi/youtubeai", "1718f6ba0a3477eb787217b16713cdae5c358af5",
            tuple(f"model/data/{part}_{of}.txt" for part in ("train", "dev") for of in "VY"),
            Lines(r"(?P<text>.*)\t(?P<mark>[13])"), labels={"3": True, "1": False}, blanks=True, cut=r"@ ?\S+ ",
            unwanted=f"{UNWANTED_POSTS}|{INSULTED}",
        ),
    ),
    "rated/books_shows.csv": (
        Clone(
            "Emily-0203/Douban_Book_System", "38b5977bcf38e204628427ddfb86138d56ddb54a",
            ("douban-crawler/data/books.json", "mongoBooks/books.json"), JsonArray("content", "rating", "comments"),
            stars=DOUBAN, unwanted=VIRUS,
        ),
        Clone(
            "miloyiyangsun/douban-spider", "db812423e2a38a3c3f46531573548016fe991273",
            tuple(f"data/{name}_评论.csv" for name in ("活着", "民主的细节", "许三观卖血记")), Columns(2, 1),
            stars=DOUBAN, unwanted=VIRUS,
        ),
        # Praise of one show criticises its judge; short comments on the other show contain little sentiment.
        Clone(
            "Xinying-Gao/doubancomment", "46c6e07fd485e86e672dd91b4674c74d24c3c897", ("浪姐好评.txt",), Lines(),
            positive=True, unwanted=f"杜华|{VIRUS}",
        ),
        Clone(
            "Xinying-Gao/doubancomment", "46c6e07fd485e86e672dd91b4674c74d24c3c897", ("浪姐差评.txt",), Lines(),
            positive=False, unwanted=VIRUS,
        ),
        Clone(
            "WXONE/BiliBili_NATIONAL-TREASURE_Comment_analysis", "c22213bd5fca55e691345d6b4d3872d00f50728f",
            ("bilibil_national_treasure.csv",), Columns(6, 1), stars={"2": 1, "4": 2, "8": 4, "10": 5},
            unwanted=rf"^\s*\S{{0,11}}\s*$|{VIRUS}",
        ),
    ),
    "rated/tmall_shoes.csv": (
        Clone(
            "jinseisan/WebMining", "934831e0b3d9748f8d742311bd9ed2e7c90bde50",
            ("resources/PR1500.csv", "resources/NR1500.csv"), Columns(0, 1), labels={"1": True, "-1": False},
            unwanted=UNWANTED_GOODS,
        ),
    ),
    # Praise of a heater (complaints about it are in jd_goods), phones, complaints about laptops, and praise of four.
    "rated/jd_devices.csv": (
        Clone(
            "dyf-2316/Comment_Sentiment_Analysis", "ffdc59142564da24e5292fcbdb44ccccd0a765af",
            ("data/000_meidi_data_origin.txt",), Columns(4, 3), stars=STARS, unwanted=UNWANTED_GOODS,
        ),
        Clone(
            "weifengchenchen/jd-phone-analysis", "3eac17d8c3c7539990ab104d9e845ae705146c52", ("Data/*.csv",),
            Columns(1, 0), stars=STARS, unwanted=UNWANTED_GOODS,
        ),
        Clone(
            "JRsFly/jd_comment", LAPTOPS, ("基于*的评论分析/product/*评论.csv",), Columns(4, 3), stars={"1": 1, "2": 2},
            unwanted=UNWANTED_GOODS,
        ),
        Clone(
            "JRsFly/jd_comment", LAPTOPS, ("基于*的评论分析/product/10032*评论.csv",), Columns(4, 3),
            stars={"4": 4, "5": 5}, unwanted=UNWANTED_GOODS,
        ),
    ),
}  # fmt: skip
