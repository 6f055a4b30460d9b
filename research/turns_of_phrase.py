"""Generate comments with double and softened negations, comparisons, irony, and exceptions such as 除了.

A pattern and its opposite have the same words where the language allows it, so that no word alone predicts the label.
"""

from collections.abc import Iterator, Sequence
from itertools import product

# Feelings that an event causes, and things that hold them back or end them.
SAD = (
    "难过", "生气", "伤心", "害怕", "担心", "紧张", "焦虑", "失落", "孤单", "委屈", "心烦", "自责", "慌", "纠结",
    "愧疚", "痛苦",
)  # fmt: skip
GLAD = (
    "开心", "高兴", "快乐", "兴奋", "期待", "幸福", "安心", "激动", "得意", "踏实", "轻松", "自豪",
)  # fmt: skip
MOMENTS = (
    "", "我", "今天", "现在", "听完这首歌", "想通了", "回到家里", "看见你的消息", "换了工作以后", "妈妈在身边",
    "毕业那天", "说实话",
)  # fmt: skip
FEELINGS: Sequence[tuple[str, Sequence[str], bool]] = (
    ("不{}", SAD, True),
    ("不{}", GLAD, False),
    ("不{}了", SAD, True),
    ("不{}了", GLAD, False),
    ("一点都不{}", SAD, True),
    ("一点都不{}", GLAD, False),
    ("再也不会{}了", SAD, True),
    ("再也不会{}了", GLAD, False),
    ("没什么好{}的", SAD, True),
    ("没什么好{}的", GLAD, False),
    ("没有{}，反而很放松", SAD, True),
    ("{}不起来", GLAD, False),
    ("没那么{}了", SAD, True),
    ("没那么{}了", GLAD, False),
    ("怎么能不{}", SAD, False),
    ("怎么能不{}", GLAD, True),
    ("很难不{}", SAD, False),
    ("很难不{}", GLAD, True),
    ("没有一刻不{}", SAD, False),
    ("没有一刻不{}", GLAD, True),
    ("越想越{}", SAD, False),
    ("越想越{}", GLAD, True),
    ("真的很{}", SAD, False),
    ("真的很{}", GLAD, True),
)

THINGS = (
    "", "这家餐厅", "这台电脑", "这件外套", "这个民宿", "这本小说", "这支笔", "客服", "这门课", "这款软件",
    "这趟旅行", "师傅", "这双靴子", "这家理发店",
)  # fmt: skip
GOOD = (
    "放心", "好看", "舒服", "划算", "耐用", "贴心", "顺手", "专业", "可靠", "周到", "好听", "合适", "喜欢", "省事",
    "如意",
)  # fmt: skip
BAD = (
    "失望", "糟糕", "难看", "别扭", "敷衍", "粗糙", "折腾", "闹心", "劣质", "离谱", "卡顿", "费电", "掉漆", "漏气",
    "后悔",
)  # fmt: skip
# What a person feels about a bad choice.
REGRETTED = ("失望", "后悔", "心寒", "上火")
FAULTS = ("死机", "断线", "出错", "迟到", "掉链子", "返修", "吵架", "漏油", "黑屏", "发错货")
PHRASES: Sequence[tuple[str, Sequence[str], bool]] = (
    # Double negation.
    ("没有一点不{}", GOOD, True),
    ("没有一点{}", GOOD, False),
    ("没有什么不{}的", GOOD, True),
    ("没有什么{}的", GOOD, False),
    ("没有什么让人{}的", REGRETTED, True),
    ("没有任何地方不{}", GOOD, True),
    ("没有任何地方{}", GOOD, False),
    ("没感觉到哪儿{}", BAD, True),
    ("没感觉到哪儿{}", GOOD, False),
    ("没感觉到哪儿不{}", GOOD, True),
    ("找不到不{}的", GOOD, True),
    ("没有不{}的", FAULTS, False),
    ("没有不{}的日子", FAULTS, False),
    ("没有{}过", FAULTS, True),
    ("没有一回不{}", FAULTS, False),
    ("没有一回不{}", GOOD, True),
    ("没有一回{}", FAULTS, True),
    ("哪天不{}", FAULTS, False),
    ("不能再{}了", GOOD, True),
    ("不能再{}了", BAD, False),
    ("不能更{}", GOOD, True),
    ("不能更{}", BAD, False),
    ("再{}不过了", GOOD, True),
    ("再{}不过了", BAD, False),
    ("不能说{}", GOOD, False),
    ("不能说不{}", GOOD, True),
    ("不能不说{}", GOOD, True),
    ("不能不说{}", BAD, False),
    ("不能算{}", GOOD, False),
    ("不能算{}", BAD, True),
    ("没法说{}", GOOD, False),
    ("很难说{}", GOOD, False),
    ("说不上{}", GOOD, False),
    ("不是不{}，是特别{}", GOOD, True),
    ("不是不{}，是根本没法{}", ("喜欢",), False),
    ("谁会不{}", GOOD, True),
    ("谁会{}", GOOD, False),
    ("没人不{}", GOOD, True),
    ("没人不{}", REGRETTED, False),
    ("没人觉得{}", GOOD, False),
    ("没人觉得{}", BAD, True),
    ("怎么会不{}", GOOD, True),
    ("怎么会不{}", REGRETTED, False),
    ("用完没有不{}的", GOOD, True),
    ("不可能不{}", GOOD, True),
    ("不可能不{}", FAULTS, False),
    ("从此告别了{}", FAULTS, True),
    ("总算不{}了", FAULTS, True),
    ("又开始{}了", FAULTS, False),
    # Softened negation.
    ("不太{}", GOOD, False),
    ("不太{}", BAD, True),
    ("不是特别{}", GOOD, False),
    ("没多{}", GOOD, False),
    ("没有说的那么{}", GOOD, False),
    ("没有说的那么{}", BAD, True),
    ("也就那样，不算多{}", GOOD, False),
    # Comparison.
    ("比以前{}多了", GOOD, True),
    ("比以前{}多了", BAD, False),
    ("比别的都{}", GOOD, True),
    ("比别的都{}", BAD, False),
    ("不如别家{}", GOOD, False),
    ("没有别家{}", GOOD, False),
    ("没有别家{}", BAD, True),
    ("别家没有这么{}", GOOD, True),
    ("别家没有这么{}", BAD, False),
    ("别家都比这{}", GOOD, False),
    ("别家都比这{}", BAD, True),
    ("连地摊货都比它{}", GOOD, False),
    ("一次比一次{}", GOOD, True),
    ("一次比一次{}", BAD, False),
    ("越来越{}", GOOD, True),
    ("越来越{}", BAD, False),
    ("和去年一样{}", GOOD, True),
    ("和去年一样{}", BAD, False),
    ("还是老款{}", GOOD, False),
    # Irony: praise of a fault, and complaints of something good.
    ("可真{}啊，天天{}", FAULTS, False),
    ("太棒了，又{}", FAULTS, False),
    ("厉害，居然能{}", FAULTS, False),
    ("真有本事，刚买就{}", FAULTS, False),
    ("谢谢，又赶上{}", FAULTS, False),
    # Exceptions.
    ("除了有点{}，哪里都好", BAD, True),
    ("除了还算{}，一无是处", GOOD, False),
    ("虽说不够{}，可我还会再来", GOOD, True),
    ("虽说{}，可我不会再来", GOOD, False),
)
# Whole comments: (beginnings, ends, positive).
BEFORE_REGRETS = ("早知道", "早知如此")
REGRETS = ("就选别家了", "就不花这个钱了", "就听朋友劝了", "就去对面那家了", "就不换了", "就退了", "就不来了")
BEFORE_DISCOVERY = ("早点知道就好了，", "现在才发现，")
DISCOVERIES = ("真的好用", "原来这么省事", "白白绕了那么多弯路", "这家才是最值的", "再没用过别的")
PRAISE = ("真行", "真不错", "太好了", "好样的", "可以可以", "呵呵", "牛", "佩服", "真贴心", "果然是大品牌", "感谢商家")
MISHAPS = (
    "装了半年还在漏风", "洗一次就散架", "约好八点十一点才来", "排了一下午没轮到", "退款退了四十天",
    "一碗面里三根头发", "打了九个电话没人接", "寄来一个空盒子", "一下雨屋里就漏", "刚交完钱人就没影了",
    "充一次电用二十分钟", "停车一小时收八十", "刚付尾款就降价", "让我白跑了三趟", "把我的快递扔在雨里",
    "买回来就是坏的",
)  # fmt: skip
BLAME = ("都怪", "这就怪", "全赖", "要投诉", "必须批评")
EXCESSES = (
    "这家的点心太香了，裤子都紧了", "这本书太好看，害我坐过了站", "你们家猫太可爱，害我不想回家",
    "这首歌太好听，循环了一整天", "这张床太软，害我起不来", "主播太逗了，笑得我肚子疼", "老板给得太多，撑得走不动",
    "游戏太好玩，作业都忘了", "这家的汤太鲜，害我吃了三碗饭", "导演太会拍，害我哭湿了两包纸",
)  # fmt: skip
SWITCHES = ("用上它以后，", "自从换了这个，", "试过一次之后，")
NEVER_BACK = ("别的都看不上了", "再也回不去旧的了", "家里那台就闲着了", "不想碰其他牌子了")
ENOUGH = ("再也不想碰了", "一次都不想再用", "直接扔进了柜子", "马上换回旧的了")
VALUE = ("比商场便宜，东西一样", "便宜一大截，质量不输大牌", "和专柜的没两样，钱省下一大半", "一分钱两分货")
NO_VALUE = ("比网上贵一倍，东西一样", "贵一大截，质量还不如地摊", "和路边的没两样，钱翻了几番", "五分钱的货卖一块")
PROSE: Sequence[tuple[Sequence[str], Sequence[str], bool]] = (
    (BEFORE_REGRETS, REGRETS, False),
    (BEFORE_DISCOVERY, DISCOVERIES, True),
    (tuple(f"{one}，" for one in PRAISE), MISHAPS, False),
    (MISHAPS, tuple(f"，{one}" for one in PRAISE), False),
    (BLAME, EXCESSES, True),
    (SWITCHES, NEVER_BACK, True),
    (SWITCHES, ENOUGH, False),
    (THINGS, VALUE, True),
    (THINGS, NO_VALUE, False),
)


def turns_of_phrase() -> Iterator[tuple[str, bool]]:
    """Yield generated texts and whether they are positive."""
    for table, beginnings, every in ((FEELINGS, MOMENTS, 2), (PHRASES, THINGS, 3)):
        for (number, beginning), (pattern, words, positive) in product(enumerate(beginnings), table):
            # Every beginning gets some of the words, the same ones with each pattern, so that opposites are paired.
            for place, word in enumerate(words):
                if (place + number) % every == 0:
                    yield beginning + pattern.replace("{}", word), positive
    for starts, ends, positive in PROSE:
        for beginning, end in product(starts, ends):
            yield beginning + end, positive
