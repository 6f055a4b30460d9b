"""Label names in files: Liuyan's, those of its exports, and those common in public data sets."""

LABELS: dict[str, bool | None] = {
    **dict.fromkeys(("1", "1.0", "+1", "positive", "pos", "正面", "积极", "正向", "好评", "正"), True),
    **dict.fromkeys(("0", "0.0", "-1", "-1.0", "negative", "neg", "负面", "消极", "负向", "差评", "负"), False),
    **dict.fromkeys(("unclear", "spam", "不明确", "垃圾信息"), None),  # Reviewed as neither.
}
