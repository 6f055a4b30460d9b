"""The files that the collected unlabelled comments consist of."""

from collections.abc import Mapping

from research.data.collect import Clone, Columns, Lines
from research.data.rated_clones import DICOS, DICOS_FILES, DICOS_LINES, XINJIANG

UNLABELLED: Mapping[str, tuple[Clone, ...]] = {
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
        # Two films with one label each: the cast would predict the label better than the opinion.
        Clone(
            "HobartWayne/Douban_movie_comments", "01c700c1a816c46c989a5c5805dbd167a0fd74c4",
            ("data/data-8.csv", "data/data-13.csv"), Columns(4),
        ),
        # Labelled only by the emoticon in the text.
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
