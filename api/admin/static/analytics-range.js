// Convert the filter in the URL to REST query parameters, with days in the browser's time zone.
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
// Longer ranges would have more points than a chart can show.
const LONGEST_BY_HOUR = 3 * DAY;
const LONGEST_BY_DAY = 190 * DAY;
// The limits of the API's times. In the browser's time zone, the first and the last day may exceed them.
const EARLIEST = Date.parse("0001-01-01T00:00:00Z");
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** Return the common query parameters, the time bucket and the time zone's offset in minutes. */
export function rangeOf({ first, last, days, platform }) {
  const now = Math.floor(Date.now() / HOUR) * HOUR + HOUR;
  const start = first ? Math.max(startOfDay(first), EARLIEST) : days ? now - days * DAY : null;
  const end = last ? Math.min(startOfDay(last, 1), LATEST) : start === null ? null : now;
  const query = {};
  if (start !== null) query.created_from = new Date(start).toISOString();
  if (end !== null) query.created_to = new Date(end).toISOString();
  if (platform) query.platform = platform;
  const length = start === null ? Infinity : end - start;
  const bucket = length <= LONGEST_BY_HOUR ? "hour" : length <= LONGEST_BY_DAY ? "day" : "week";
  return { query, bucket, offset: -new Date().getTimezoneOffset() };
}

/** Return the path and query of a resource below /api/v1. */
export function pathOf(resource, { query, bucket, offset }, format = undefined) {
  const parameters = { ...query };
  if (resource === "labels") parameters.bucket = bucket;
  if (resource === "labels" || resource === "hours") parameters.utc_offset = offset;
  if (format) parameters.format = format;
  return `/analytics/${resource}?${new URLSearchParams(parameters)}`;
}

function startOfDay(day, later = 0) {
  const [year, month, date] = day.split("-").map(Number);
  const start = new Date(0, 0, 1);
  // The constructor maps the years 0 to 99 to 1900 to 1999; setFullYear does not.
  return start.setFullYear(year, month - 1, date + later);
}
