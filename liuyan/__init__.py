"""Liuyan labels the comments that platforms publish to Kafka as positive or negative, and keeps every label reviewable.

An event becomes a row in five steps: consumer/ reads and parses it, model/ turns its text into a probability,
store/ writes it in one transaction, api/ shows it. Each folder is a process or a library and names its command group.
"""
