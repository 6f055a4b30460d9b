# The MySQL image sources this script when it creates its data folder. It creates the account with which Grafana reads
# the counts for the dashboards, and nothing else. The views do not exist yet, and MySQL grants a privilege on a missing
# view only together with CREATE, which is revoked at once.
if [ -s "${GRAFANA_MYSQL_PASSWORD_FILE:-}" ]; then
    docker_process_sql <<SQL
CREATE USER IF NOT EXISTS 'grafana'@'%' IDENTIFIED BY '$(cat "$GRAFANA_MYSQL_PASSWORD_FILE")';
GRANT SELECT, CREATE ON liuyan.dashboard_hours TO 'grafana'@'%';
GRANT SELECT, CREATE ON liuyan.dashboard_weeks TO 'grafana'@'%';
GRANT SELECT, CREATE ON liuyan.dashboard_reviews TO 'grafana'@'%';
REVOKE CREATE ON liuyan.dashboard_hours FROM 'grafana'@'%';
REVOKE CREATE ON liuyan.dashboard_weeks FROM 'grafana'@'%';
REVOKE CREATE ON liuyan.dashboard_reviews FROM 'grafana'@'%';
SQL
fi
