"""The peers: programs that label comments from Kafka into a MySQL table. They import nothing of Liuyan."""
