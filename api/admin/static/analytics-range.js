// The range that the address asks for, as the API takes it: by the clock of the browser's time zone.
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
// Longer ranges would have more points than a chart has room for.
const LONGEST_BY_HOUR = 3 * DAY;
const LONGEST_BY_DAY = 190 * DAY;
// The API knows no other times: a day at either end may begin or end outside of them in the browser's time zone.
const EARLIEST = Date.parse("0001-01-01T00:00:00Z");
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** Query parameters of everything, and the bucket of what is told over time. */
export function rangeOf({ first, last, days, platform }) {
  const now = Math.floor(Date.now() / HOUR) * HOUR + HOUR;
  const begin = first ? Math.max(startOfDay(first), EARLIEST) : days ? now - days * DAY : null;
  const end = last ? Math.min(startOfDay(last, 1), LATEST) : begin === null ? null : now;
  const query = {};
  if (begin !== null) query.created_from = new Date(begin).toISOString();
  if (end !== null) query.created_to = new Date(end).toISOString();
  if (platform) query.platform = platform;
  const length = begin === null ? Infinity : end - begin;
  const bucket = length <= LONGEST_BY_HOUR ? "hour" : length <= LONGEST_BY_DAY ? "day" : "week";
  return { query, bucket, offset: -new Date().getTimezoneOffset() };
}

/** The path of one resource below /api/v1 with its query. */
export function pathOf(resource, { query, bucket, offset }, format = undefined) {
  const asked = { ...query };
  if (resource === "labels") asked.bucket = bucket;
  if (resource === "labels" || resource === "hours") asked.utc_offset = offset;
  if (format) asked.format = format;
  return `/analytics/${resource}?${new URLSearchParams(asked)}`;
}

function startOfDay(day, later = 0) {
  const [year, month, date] = day.split("-").map(Number);
  const start = new Date(0, 0, 1);
  // The constructor takes the years 0 to 99 for 1900 to 1999.
  return start.setFullYear(year, month - 1, date + later);
}
