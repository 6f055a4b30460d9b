"""Known column names in exports: of comments, of labels and of other data."""

import re
import unicodedata


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


# Most specific first.
COMMENT = _words(
    "text comment 评论内容 评论正文 评论文本 评论 commenttext commentcontent commentbody reviewtext reviewcontent",
    "reviewbody review content 留言内容 留言 评价内容 微博正文 微博内容 弹幕内容 弹幕 短评内容 短评 点评内容 点评 内容",
    "正文 评价 影评 书评 评语 文本 反馈内容 反馈 意见 建议 body message messagetext comments reviews cmt cmts feedback",
    "description 问题描述 tweet sentence",
)
LABEL = _words(
    "label 标签 情感标签 情感 情感倾向 情感极性 情感类别 labels sentiment polarity 标注 正负面 倾向 类别 class target"
)
# Names that identify a header but not the comments' column.
OTHER = _words(
    "id no num uid userid user username nickname name author date time datetime timestamp createdat createtime ctime",
    "rating star stars score likes like likecount platform title url link product category status reviewer thread",
    "audit probability row index version location ip source type ticketid subject 编号 序号 用户 用户名 用户昵称",
    "用户id 昵称 作者 姓名 时间 日期 评论时间 发布时间 评价时间 评分 分数 星级 打分 点赞 点赞数 评论数 转发数 回复数",
    "标题 链接 店铺 店铺名 商品 商品名称 门店 城市 地区 ip属地 评论id 订单号 来源 平台",
)
CHINESE_WORDS = _words("评论 内容 正文 留言 评价 短评 点评 弹幕 影评 评语 反馈 文本")
ENGLISH_WORDS = frozenset(_words("text comment comments content review reviews body message feedback cmt"))
# A name that ends with a Chinese word for comment and contains one of these is a reply or a flag.
ANSWERS = _words("回复 商家 客服 是否")
# A name that contains one of these describes the comment, for example its time or its author.
CHINESE_OTHERS = _words(
    "时间 日期 编号 序号 数 量 分 星 等级 标签 情感 倾向 用户 昵称 姓名 作者 人 者 类 来源 链接 地址 图 视频 状态 是否",
    "长度 楼 赞 回复 商家 客服 标题 id",
)
ENGLISH_OTHERS = frozenset(
    _words(
        "id ids no time date at count counts num number length len score scores rating rate star stars label user uid",
        "sentiment author name nick nickname type status url link likes like lang language source title by reply",
        "replies created updated ip image images pics video tags tag probability hash key level is has",
    )
)
# Words of Chinese sentences; column names rarely contain two of them.
_PARTICLES = re.compile(r"[的了很不没我你就都太还也吗呢吧啊真再才又]")
_PROSE = re.compile(r"[，。！？；!?~～…]|[^\d][,.](?:\s|$)")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[\u4e00-\u9fff]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def fold(name: str) -> str:
    """Return the letters and digits of a name in lower case."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).lower()))


def is_known(name: str) -> bool:
    """Return whether this is a known column name."""
    folded = fold(name)
    return folded in COMMENT or folded in LABEL or folded in OTHER


def looks_like_prose(value: str) -> bool:
    """Return whether a cell of the first row is text and not a column name."""
    if is_known(value):
        return False
    # Exports of questionnaires have questions as column names, which address the reader politely.
    return _PROSE.search(value) is not None or ("您" not in value and len(_PARTICLES.findall(value)) >= 2)


def is_other(name: str) -> bool:
    """Return whether a name identifies a column of other data than comments."""
    folded = fold(name)
    parts = {part.lower() for part in _PART.findall(name)}
    return (
        folded in LABEL
        or folded in OTHER
        or bool(parts & ENGLISH_OTHERS)
        or (_CHINESE.search(name) is not None and any(word in folded for word in CHINESE_OTHERS))
    )


def comment_rank(name: str) -> int | None:
    """Return how specific a name is for comments, 0 for the most specific; None if it is not one for comments."""
    folded = fold(name)
    if folded in COMMENT:
        return COMMENT.index(folded)
    return len(COMMENT) if _contains_word(unicodedata.normalize("NFKC", name)) else None


def label_rank(name: str) -> int | None:
    """Like ``comment_rank``, for labels."""
    folded = fold(name)
    return LABEL.index(folded) if folded in LABEL else None


def _contains_word(name: str) -> bool:
    if _CHINESE.search(name):
        plain = fold(re.sub(r"[(\[{].*", "", name))
        if plain.endswith(CHINESE_WORDS):
            return not any(word in plain for word in ANSWERS)
        return any(word in plain for word in CHINESE_WORDS) and not any(word in plain for word in CHINESE_OTHERS)
    parts = {part.lower() for part in _PART.findall(name)}
    return bool(parts & ENGLISH_WORDS) and not parts & ENGLISH_OTHERS
