"""Which files of which public repositories the collected data sets are made of (`liuyan model data --collect`).

Found in public repositories on GitHub and read in samples before they were taken. Left out on purpose: takeaway and
Amazon reviews, posts on the virus, and whatever might hold the test splits of published sets, since models are judged
on those; and sets whose stop words, and with them the negations, had been removed.
"""

from collections.abc import Mapping

from liuyan.model.collect import (
    DOUBAN,
    EMOTIONS,
    NUMBERS,
    STARS,
    TENS,
    Aspects,
    Clone,
    Columns,
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

CLONES: Mapping[str, tuple[Clone, ...]] = {
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
        # Two stars of that chain are lukewarm rather than bad: they are taken without a label, below.
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
    "rated/public_unlabelled.txt": (
        Clone("liaozp1/CommentAnalysis", DICOS, DICOS_FILES, DICOS_LINES),
        Clone(
            "lino546464/dianping_shops_comments", XINJIANG, ("dianping/dianpingshopcomments.txt",), Lines()
        ),
        Clone(
            "ly2014/sentimen-analysis-based-on-sentiment-lexicon-and-deep-learning",
            "51350b10382a8a4019bd78856df6b86140debeb8", ("data/positive.txt",), Lines(),
        ),
        Clone(
            "CFOnHeart/Douban_spider_and_ChineseText_analyse", "baa6d48158f840ae43964eed6f7ab35c7166c33b",
            ("resource/initial_text/douban_comments.txt",), Lines(),
        ),
        # Two films of one label each: what people wrote of them says less than who played in them.
        Clone(
            "HobartWayne/Douban_movie_comments", "01c700c1a816c46c989a5c5805dbd167a0fd74c4",
            ("data/data-8.csv", "data/data-13.csv"), Columns(4),
        ),
        # Labelled by the emoticon that stands in the text, whatever else does.
        Clone(
            "Raopend/weibo-sentiment-classification", "944206b2d141780392b7cf61796fd47cbb459703",
            ("notebook/data/weibo_senti_100k/test.csv",), Columns(1),
        ),
        Clone(
            "CodingEthan/bert-weibo-emotional-analysis", "ccc5b504154d932f6e408955d762516e206f30d5",
            ("dataset/test_data.txt", "dataset/validation_data.txt"), Lines(r"(?P<text>.*)\t[01]"),
        ),
        Clone(
            "xianrenzhou/weibo-sent-analyse", "014ffd564e0f96bc430b5dbfcb078eaa002c653a",
            ("mydata/v1.2/正向.txt", "mydata/v1.2/无向.txt"), Lines(),
        ),
        Clone(
            "Abbey4799/TextMining", "dc8a977021097e44af8fa24533bdc6c43af03e66",
            ("data/positive_labeled.txt", "data/positive.txt", "data/negative.txt"), Lines(),
        ),
        Clone("cnzx05cnzx/data_jd", "e30cf4599d12b227a32b118cfbfa72104aad36d1", ("data/comment.csv",), Columns(0)),
        Clone(
            "KXH-Joker/FeelingAnalizes", "d542c7a2fda6a5f8b71f9cae557ff733414ee5bc",
            ("qg_bad.txt", "qg_good.txt", "qg_中性情感结果.txt"), Lines(r"(?:.*\t)?(?P<text>[^\t]*)"),
        ),
        Clone(
            "Jhilbertxtu/JDComments_Analyze", "9a93c7cfc572509fce5e0f82702d8d55d029ef8f",
            ("datas/phone_comments_pos.txt",), Lines(r'"?(?:#[^#]*#)?(?P<text>.*)'),
        ),
        Clone(
            "Alice23333/Text-Analysis-of-Online-Reviews-of-Scenic-Spots-and-Hotels",
            "b36c42e259ec4ba044d7b794a0def5eaaf5e6c1f", ("data/第1问/数据清洗结果/酒店评论.csv",), Columns(2),
        ),
    ),
}  # fmt: skip
