"""Files in the layout of real platforms' exports, with fictional rows."""

from dataclasses import dataclass

PRAISE = (
    "画面太美了，配乐也好听，二刷还是会哭",
    "包装严实，物流第二天就到了，五星好评",
    "味道不错，分量也足，下次还点",
)
BLAME = ("剧情拖沓，看到一半就睡着了", "用了三天就坏了，客服还不理人", "送到的时候汤都洒了，骑手态度也差")
COMMENTS = tuple(f"{text}{'！' * (number % 3)}（第{number}次）" for number, text in enumerate((PRAISE + BLAME) * 5))


@dataclass(frozen=True, slots=True)
class Export:
    """An export; ``header`` is None for a file without one, and ``column`` is the comments' column, from 1."""

    name: str
    header: tuple[str, ...] | None
    column: int
    rows: tuple[tuple[str, ...], ...]
    separator: str = ","
    encoding: str = "utf-8"

    def text(self, comments: tuple[str, ...] = COMMENTS) -> str:
        """Return the file's content, without quotes, because no cell needs them."""
        lines = [self.header] if self.header else []
        return "\n".join(self.separator.join(cells) for cells in [*lines, *self.rows[: len(comments)]]) + "\n"


def _rows(*template: str) -> tuple[tuple[str, ...], ...]:
    """Return a row per comment; cells may use {n}, {id}, {text}, {day}, {user}, {label} and {stars}."""
    return tuple(
        tuple(
            cell.format(
                n=number,
                text=text,
                day=f"2026-01-{number % 28 + 1:02}",
                user=("小鱼干", "Moon_07", "路人甲", "阿强", "夜航船")[number % 5],
                label=("好评", "差评")[number % 2],
                stars=number % 5 + 1,
                id=480_000_123_456 + number * 7,
            )
            for cell in template
        )
        for number, text in enumerate(COMMENTS)
    )


EXPORTS = (
    Export(
        "bilibili",
        ("rpid", "用户名", "用户ID", "评论内容", "评论时间", "点赞数", "IP属地"),
        4,
        _rows("{id}", "{user}", "{n}77", "{text}", "{day} 20:15:03", "{n}", "上海"),
    ),
    Export("bilibili-danmaku", None, 8, _rows("{n}.5", "1", "25", "16777215", "17698{n}", "0", "a8f2{n}", "{text}")),
    Export(
        "douban",
        ("", "ID", "Movie_Name_EN", "Username", "Date", "Star", "Comment", "Like"),
        7,
        _rows("{n}", "{n}", "Night Train", "{user}", "{day}", "{stars}", "{text}", "{n}"),
    ),
    Export("douban-short", ("用户", "评分", "短评", "有用"), 3, _rows("{user}", "力荐", "{text}", "{n}")),
    Export("delivery", ("label", "review"), 2, _rows("1", "{text}"), encoding="utf-8-sig"),
    Export(
        "delivery-labels",
        ("评价", "店铺名称", "评价内容", "评价时间"),
        3,
        _rows("{label}", "巷口面馆（中山路店）", "{text}", "{day}"),
        encoding="gb18030",
    ),
    Export("delivery-bare", None, 2, _rows("{label}", "{text}")),
    Export(
        "jd",
        ("id", "nickname", "score", "creationTime", "content", "referenceName", "replyCount"),
        5,
        _rows("{id}", "{user}", "{stars}", "{day} 08:00:00", "{text}", "蓝牙耳机 降噪 长续航 运动款", "0"),
        separator="\t",
    ),
    Export(
        "weibo",
        ("微博id", "微博正文", "发布时间", "转发数", "评论数", "点赞数"),
        2,
        _rows("{id}", "{text}", "{day} 10:01", "{n}", "{n}", "1{n}"),
    ),
    Export(
        "weibo-counts",
        ("用户昵称", "内容", "转发", "评论", "点赞"),
        2,
        _rows("{user}", "{text}", "{n}", "3{n}", "1{n}"),
        separator=";",
    ),
    Export(
        "zendesk",
        ("Ticket ID", "Requester", "Created at", "Status", "Subject", "Comment Body", "Satisfaction Score"),
        6,
        _rows("{id}", "{user}", "{day}T08:00:00Z", "solved", "退款申请", "{text}", "good"),
    ),
    Export("numbered", ("序号", "评论内容"), 2, _rows("{n}", "{text}")),
    Export("pandas-default", ("", "0", "1"), 3, _rows("{n}", "{label}", "{text}")),
    Export("opaque-names", ("f1", "f2", "f3"), 3, _rows("{id}", "{user}", "{text}")),
    Export("dates-and-users", None, 3, _rows("{day}", "{user}", "{text}", "{stars}")),
)
