"""Shows Liuyan at work within seconds: real comments are published, labelled, stored, and shown while that happens.

Broker and database are started for the demo alone, embedded ones or genuine ones, and the consumer and the API run as
the same commands that everybody runs. At its end it compares what it published with what the database holds, and says
so in one line.
"""
