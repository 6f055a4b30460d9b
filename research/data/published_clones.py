"""The files that the data sets published by others, and the first crawls, consist of."""

from collections.abc import Mapping

from research.data.collect import (
    EMOTIONS,
    NUMBERS,
    STARS,
    Aspected,
    Blocks,
    Clone,
    Columns,
    JsonArray,
    JsonLines,
    Lines,
    Reader,
    Sheet,
    Zipped,
)  # fmt: skip

UER = "5743050cc41f0f21986c9f938db5ac1726052629"
WEIBO = "datasets/smp2020-ewect"
TABBED = Lines(r"(?P<mark>\d)\t(?P<text>.*)")
NEUTRAL: Mapping[str, bool | None] = {"0": None}
HAPPY: Mapping[str, bool | None] = {"1": False, "2": True, "3": False, "4": False}
PRODUCT_REVIEWS = Blocks(r"<review id=\"\d+\">\s*(?P<text>.*?)\s*</review>")
GOOD_BAD: Mapping[str, bool] = {"Positive": True, "Negative": False}
SIGNS: Mapping[str, bool] = {"1": True, "-1": False}
TENTHS: Mapping[str, int] = {
    **{"1": 1, "1.3": 1, "1.5": 1, "1.8": 1, "2": 2, "4": 4, "5": 5},
    **{f"4.{tenth}": 5 for tenth in range(1, 10)},
}  # fmt: skip
MEITUAN: Mapping[str, int] = {"5": 1, "10": 1, "15": 1, "20": 2, "40": 4, "45": 5, "50": 5}
DOUBAN_WORST: Mapping[str, bool] = {"很差": False, "较差": False}
EXTREMES: Mapping[str, int] = {"1": 1, "5": 5}
HALF_STARS: Mapping[str, int] = {"0.5": 1, "1": 1, "1.5": 1, "2": 2, "4": 4, "4.5": 5, "5": 5}
FEWCLUE = "62a02c6f31cf32814cfe522f78ef088228840f8d"
NLPCC = "34065bb439077d1affe8ae8d6dca20af9081f7bd"
ASPECTS = "datasets/apc_datasets/102.Chinese"


def _uer(folder: str, labels: Mapping[str, bool | None]) -> tuple[Clone, ...]:
    """Return the train and dev part of a data set in UER-py. The test part is held out."""
    return tuple(
        Clone("dbiir/UER-py", UER, (f"{folder}/{part}.tsv",), TABBED, labels=labels, split=part)
        for part in ("train", "dev")
    )


def _zipped(part: str) -> Reader:
    return Zipped(f"{part}.tsv", TABBED)


PUBLISHED: Mapping[str, tuple[Clone, ...]] = {
    "neutral.csv": (*_uer(f"{WEIBO}/usual", NEUTRAL), *_uer(f"{WEIBO}/virus", NEUTRAL)),
    "smp_usual.csv": _uer(f"{WEIBO}/usual", HAPPY),
    "book_review.csv": _uer("datasets/book_review", NUMBERS),
    "chnsenticorp.csv": tuple(
        Clone(
            "ymcui/Chinese-BERT-wwm", "f6410cbd89c49dee8a42a7f7d94d9cca87b431aa",
            ("data/chnsenticorp/chnsenticorp.zip",), _zipped(part), labels=NUMBERS, split=part,
        )
        for part in ("train", "dev")
    ),
    "online_shopping.csv": (
        Clone(
            "SophonPlus/ChineseNlpCorpus", "a0b781d72158bde242c0626c9e354d2b328865ff",
            ("datasets/online_shopping_10_cats/online_shopping_10_cats.zip",),
            Zipped("online_shopping_10_cats.csv", Columns(2, 1)), labels=NUMBERS,
        ),
    ),
    "nlpcc14.csv": (
        Clone("qweraqq/NLPCC2014_sentiment", NLPCC, ("sample.positive.txt",), PRODUCT_REVIEWS, positive=True),
        Clone("qweraqq/NLPCC2014_sentiment", NLPCC, ("sample.negative.txt",), PRODUCT_REVIEWS, positive=False),
    ),
    "weibo2018.csv": (
        Clone(
            "dengxiuqi/WeiboSentiment", "5a7f915b58489cd890aafa24a841d5135e988031", ("data/weibo2018/train.txt",),
            Lines(r"\d+,(?P<mark>[01]),(?P<text>.*)"), labels=NUMBERS,
        ),
    ),
    "eprstmt.csv": tuple(
        Clone(
            "CLUEbenchmark/FewCLUE", FEWCLUE, (f"datasets/eprstmt/{part}_few_all.json",),
            JsonLines("sentence", "label"), labels=GOOD_BAD, split=part,
        )
        for part in ("train", "dev")
    ),
    "eprstmt_unlabelled.txt": (
        Clone("CLUEbenchmark/FewCLUE", FEWCLUE, ("datasets/eprstmt/unlabeled.json",), JsonLines("sentence", "id")),
    ),
    "rated/app_store.csv": tuple(
        Clone(
            "wut0n9/cnn_chinese_text_classification", "795a243a6ed5e9277d2eca99d7452419f4f1aa31",
            (f"data/{name}.txt",), Lines(), positive=positive, split="appstore",
        )
        for name, positive in (("pos", True), ("neg", False))
    ),
    "rated/aspects.csv": tuple(
        Clone(
            "yangheng95/ABSADatasets", "676bcd3d88a901853c74acf364c9ad5c431b0e23",
            (f"{ASPECTS}/{name}.train.txt", f"{ASPECTS}/{name}.test.txt"), Aspected(), labels=GOOD_BAD,
            split=name.split("/")[1], blanks=True,
        )
        for name in ("103.camera/camera", "104.car/car", "106.notebook/notebook", "107.phone/phone", "108.shampoo/hair")
    ),
    "rated/car_bank.csv": (
        Clone(
            "shawnco411/ccf_bigdata", "0f9018f190771542c6bb694cd9a6d75ac57ef8d6", ("venv/train.csv",), Columns(1, 3),
            labels=SIGNS, split="car",
        ),
        Clone(
            "linkfqy/Comment-View-Extraction", "dc57a47b67c90b293a29cd73aedcca85e4dbbbf9",
            ("data/train_data_public.csv",), Columns(1, 3), labels=NUMBERS, split="bank",
        ),
    ),
    "rated/ctrip_hotel.csv": (
        Clone(
            "15968865116/CtripHotelComment", "d41b756f2ec674f8cc0157f8a1eae92d6e92e88e",
            ("hotelcomment/浙江/*/hotelcomment/*.json",),
            JsonArray("reviewDetails.reviewContent", "reviewDetails.reviewScore.score", top="Response.ReviewList"),
            stars=TENTHS, split="zhejiang",
        ),
        Clone(
            "AyalaKaguya/WebSpider", "33a88a357f07c1cf68e65226a8fc1418a57e3f37", ("comments.csv",), Columns(2, 0),
            stars=TENTHS, split="shanghai",
        ),
    ),
    "rated/ctrip_sight.csv": (
        Clone(
            "Siliyoung/Ctrip_Sentiment_Analysis", "0968486f9a7166892eb7dc0d62e5ecebf38abdc7",
            ("data/comment_data/*.csv",), Columns(3, 2), stars=TENTHS, split="guangxi",
        ),
    ),
    "rated/douban_film.csv": (
        Clone(
            "csuldw/comment-sentiment-analysis", "8470a1f6df6f276416ca32b8f4110488c6fabbd5",
            ("data/comment_trainset_2class.csv", "data/comment_testset_2class.csv"), Columns(0, 1), stars=EXTREMES,
            split="csuldw",
        ),
        Clone(
            "BounceAAS/sentiment-analysis-Aigents-for-Chinese-text", "11eea971eadf69da737f6e49db4a07cdbacb3f80",
            ("Douban_comments_dataset.csv",), Columns(0, 1), stars=EXTREMES, split="bounce",
        ),
        Clone(
            "13122100560/Scrapper-HouLaiUs", "eb22509fe4e697f9c134010e36972f41d6d03ed5", ("comment.csv",),
            Columns(1, 3), labels=DOUBAN_WORST, split="houlai",
        ),
        Clone(
            "cnzx05cnzx/movie", "b70be301d00a38337aa0563410e742fea767da45", ("data/maoyan.csv",), Columns(1, 4),
            stars=HALF_STARS, split="maoyan",
        ),
    ),
    "rated/jd_goods.csv": (
        Clone(
            "danyow-cheung/text-classification", "27aaeaf029fcc407e9a44189469ff2b194e6d4a6", ("data/goods_zh.txt",),
            Lines("(?P<text>.*),,(?P<mark>[01])"), labels=NUMBERS, split="danyow",
        ),
        Clone(
            "wangyr997/JDComment_project", "e1551b90eae7f70efe2db6b36d5528f86371fa07",
            ("output/jd_comment_data.csv",), Columns(10, 8), stars=STARS, split="aircon",
        ),
        Clone(
            "dyf-2316/Comment_Sentiment_Analysis", "ffdc59142564da24e5292fcbdb44ccccd0a765af",
            ("data/000_meidi_data_origin.txt",), Columns(4, 3), stars=STARS, split="heater",
        ),
        Clone(
            "MarginC/jd_comment_spider", "6dc6de6812d2a0effb1de00af8cd1402d5033a19", ("1015650.csv", "1309864.csv"),
            Columns(11, 5), stars=STARS, split="washer",
        ),
        Clone(
            "YuleZhang/NLP_Analysis_JDcomment", "716df44d8f11be423d087d88d6040b7ac29383d8",
            ("data/JDComment_data.csv",), Columns(1, 5), stars=STARS, split="phone",
        ),
        Clone(
            "Ambitioner-c/jingdong", "994b2c1b1d33a4181251d5a2c400af98df75665e", ("data/comment.csv",), Columns(7, 6),
            stars=STARS, split="apple",
        ),
    ),
    "rated/mafengwo.csv": (
        Clone(
            "Craneagehu/mafengwo", "dbbf9c95f84b4bde369efa67a770d12bb92b1803", ("评论.csv",), Columns(2, 1),
            stars={f"s-star{one}": one for one in (1, 2, 4, 5)}, split="hangzhou",
        ),
    ),
    "rated/meituan_food.csv": (
        Clone(
            "yuhui7pm/meituan_comments_keywords_abstract", "8f4d9a0021b892660b0f98a46cdd8856bc230838",
            ("output_file/comments.csv",), Columns(6, 5), stars=MEITUAN, split="meituan",
        ),
        Clone(
            "wq624915051/meituan_text_minning", "81c84ec83cb1360590bce53dcd4e1d19a0589da1",
            ("美团文本分析/meituan.xlsx",), Sheet(5, 3), stars=MEITUAN, split="hotpot", cut="「#套餐：.*?」",
        ),
    ),
    "rated/shop_themes.csv": (
        Clone(
            "EliasCai/sentiment", "4260a694ac326347b6c807d7903a29c21bea5eb3", ("train_content.csv",), Lines(),
            labels=SIGNS, split="bdci2017", marks="train_sentiment.csv",
        ),
        Clone(
            "cry0422/sentiment_analysis", "ffd93cab33d8dedc860be6719c5e45a5d8de5854", ("data/pos.txt",), Lines(),
            positive=True, split="snack",
        ),
        Clone(
            "cry0422/sentiment_analysis", "ffd93cab33d8dedc860be6719c5e45a5d8de5854", ("data/neg.txt",), Lines(),
            positive=False, split="snack",
        ),
    ),
    "rated/shopee_tw.csv": (
        Clone(
            "GaryZong/comment", "39e110a19e7cfd24a3006b93b4f8e55d6242559f", ("comment.csv",), Columns(10, 9),
            stars=STARS, split="shopee", cut=r"\^n",
        ),
    ),
    "rated/weibo_emotion.csv": (
        Clone(
            "CLUEbenchmark/CLUEmotionAnalysis2020", "ff1bc945fc3a5854e0013de5a2f222dd1da61516",
            ("CLUEdataset/emotion/train.txt", "CLUEdataset/emotion/valid.txt"), JsonLines("content", "label"),
            labels=EMOTIONS, split="clue",
        ),
        Clone(
            "intfloat/weibo-emotion-analyzer", "d73e51e81b73a37fb8205b7770cf3b6f1f5f4ec7",
            ("data/data/Training data for Emotion Expression Identification.xml",),
            Blocks(r'emotion-1-type="(?P<mark>\w+)"[^>]*>(?P<text>[^<]*)</sentence>'), labels=EMOTIONS,
            split="nlpcc14emo",
        ),
        Clone(
            "spianmo/MultiClassify_LSTM_ForChinese", "b9e86fca7c10167e55ae0f2d20c7e28a631f72b8",
            ("data/dataset/Nlpcc2013Train.tsv",), Columns(1, 0), labels=EMOTIONS, split="nlpcc13emo",
        ),
    ),
}  # fmt: skip
