"""Generate comments with negations: negated complaints, negated praise, and contrasts such as 但是.

Real comments contain few negations that reverse the sentiment, so a model learns to rely on single words. The generated
pairs differ only in the negation. Double and softened negations, comparisons and irony are in ``turns_of_phrase``. All
are composed from our own word lists, have a low weight and are used only for training.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from model.training.data import NEGATIONS, Comment, digest, part_of
from research.turns_of_phrase import turns_of_phrase

SUBJECTS = (
    "", "这家店", "老板", "这款手机", "耳机", "这本书", "这部电影", "酒店", "快递", "店员", "这个软件", "外卖", "衣服",
    "这次体验", "空调", "键盘", "景区", "课程", "充电宝", "鞋子",
)  # fmt: skip
# Problems, whose absence is good; then bad and good qualities and effects.
TROUBLE = (
    "卡顿", "闪退", "掉色", "漏水", "异味", "噪音", "破损", "质量问题", "毛病", "差错", "故障", "发热", "色差", "套路",
    "瑕疵", "延误", "缺货", "坏点", "隐形消费", "线头",
)  # fmt: skip
BAD = (
    "难吃", "难用", "吵", "脏", "贵", "慢", "累", "硬", "无聊", "啰嗦", "油腻", "卡", "差", "闷", "费劲", "坑", "麻烦",
    "小气", "腥", "烫",
)  # fmt: skip
GOOD = (
    "好吃", "好用", "安静", "干净", "便宜", "快", "舒服", "有趣", "耐心", "清爽", "流畅", "好看", "值", "方便", "热情",
    "大方", "新鲜", "靠谱", "精彩", "实用",
)  # fmt: skip
BAD_DEEDS = ("失望", "踩雷", "吃亏", "上当", "后悔", "被坑", "生气", "扫兴", "翻车", "遗憾", "心疼钱")
GOOD_DEEDS = ("满意", "惊喜", "开心", "放心", "省心", "感动", "过瘾", "享受")

# (pattern, words to insert, positive).
PATTERNS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("用到现在没有{}", TROUBLE, True),
    ("用到现在老是{}", TROUBLE, False),
    ("从来没有遇到{}", TROUBLE, True),
    ("隔三差五遇到{}", TROUBLE, False),
    ("完全没有{}", TROUBLE, True),
    ("全是{}", TROUBLE, False),
    ("没发现什么{}", TROUBLE, True),
    ("发现好多{}", TROUBLE, False),
    ("没出现过{}", TROUBLE, True),
    ("又出现了{}", TROUBLE, False),
    ("一点也不{}", BAD, True),
    ("一点也不{}", GOOD, False),
    ("并不{}", BAD, True),
    ("并不{}", GOOD, False),
    ("根本不{}", GOOD, False),
    ("完全不觉得{}", BAD, True),
    ("完全不觉得{}", GOOD, False),
    ("实在太{}了", BAD, False),
    ("实在太{}了", GOOD, True),
    ("没有想象中那么{}", BAD, True),
    ("没有想象中那么{}", GOOD, False),
    ("找不到更{}的", GOOD, True),
    ("找不到更{}的", BAD, False),
    ("不会让人{}", BAD_DEEDS, True),
    ("总是让人{}", BAD_DEEDS, False),
    ("从没让我{}过", BAD_DEEDS, True),
    ("从没让我{}过", GOOD_DEEDS, False),
    ("没让我们{}", BAD_DEEDS, True),
    ("没让我们{}", GOOD_DEEDS, False),
    ("并没有让家人{}", BAD_DEEDS, True),
    ("并没有让家人{}", GOOD_DEEDS, False),
    ("毫无{}", TROUBLE, True),
    ("挑不出{}", TROUBLE, True),
    ("满眼都是{}", TROUBLE, False),
    ("再也没有{}", TROUBLE, True),
    ("没那么{}", BAD, True),
    ("没那么{}", GOOD, False),
    ("不算{}", BAD, True),
    ("算不上{}", GOOD, False),
    ("谈不上{}", GOOD, False),
    ("不怎么{}", BAD, True),
    ("不怎么{}", GOOD, False),
    ("哪里{}了", GOOD, False),
    ("不得不承认很{}", GOOD, True),
    ("不得不承认很{}", BAD, False),
    ("没有一次{}", BAD_DEEDS, True),
    ("没有一次{}", GOOD_DEEDS, False),
    ("没有哪次不{}", GOOD_DEEDS, True),
    ("没有哪次不{}", BAD_DEEDS, False),
    ("真让我{}", BAD_DEEDS, False),
    ("真让我{}", GOOD_DEEDS, True),
)
TURNS = ("虽然{}，但是{}", "有点{}，不过{}", "说起来{}，可{}", "别看{}，其实{}")
DEGREES = ("很", "特别", "非常")
# Events that outweigh the opinion before them.
BAD_EVENTS = (
    "没几天就裂了", "洗一回就缩水", "半路就没电", "等了两个钟头", "退款拖了半个月", "第二天就罢工", "里面少了零件",
)  # fmt: skip
GOOD_EVENTS = (
    "用了三年还像新的", "当天就给换了新的", "送到家还是热的", "全家抢着吃", "孩子看得不肯走", "一句话就给解决了",
)  # fmt: skip


def negations(weight: float) -> dict[str, Comment]:
    """Return about twenty thousand generated comments of the train part by digest, each with this ``weight``."""
    generated: dict[str, Comment] = {}
    for text, positive in (*_negated(), *_turned(), *turns_of_phrase()):
        key = digest(text)
        if part_of(key) == "train":
            generated[key] = Comment(text, positive, NEGATIONS, float(positive), weight=weight)
    return generated


def with_negations(comments: Mapping[str, Comment], weight: float) -> dict[str, Comment]:
    """Return ``comments`` by key, with generated negations added if ``weight`` is above 0."""
    return {**negations(weight), **comments} if weight else dict(comments)


def _negated() -> Iterator[tuple[str, bool]]:
    for subject, (pattern, words, positive) in product(SUBJECTS, PATTERNS):
        # Every subject gets some of the words, so that no subject predicts a label.
        for place, word in enumerate(words):
            if (place + len(subject) + len(pattern)) % 3 == 0:
                yield subject + pattern.format(word), positive


def _turned() -> Iterator[tuple[str, bool]]:
    for place, (subject, turn, bad, good) in enumerate(product(SUBJECTS, TURNS, BAD, GOOD)):
        if place % 17 == 0:
            degree = DEGREES[place % 3]
            yield subject + turn.format(bad, degree + good), True
            yield subject + turn.format(good, degree + bad), False
    for subject, turn in product(SUBJECTS, TURNS):
        for place, (good, event) in enumerate(product(GOOD, BAD_EVENTS)):
            if (place + len(subject)) % 11 == 0:
                yield subject + turn.format(good, event), False
        for place, (bad, event) in enumerate(product(BAD, GOOD_EVENTS)):
            if (place + len(subject)) % 11 == 0:
                yield subject + turn.format(bad, event), True
