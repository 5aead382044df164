const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Such as `3 min`: in its largest unit, of which there are at least two, so that it changes seldom. */
export function ageOf(milliseconds: number): string {
  if (milliseconds < 2 * MINUTE) return `${Math.floor(milliseconds / SECOND)} s`;
  if (milliseconds < 2 * HOUR) return `${Math.floor(milliseconds / MINUTE)} min`;
  if (milliseconds < 2 * DAY) return `${Math.floor(milliseconds / HOUR)} h`;
  return `${Math.floor(milliseconds / DAY)} d`;
}
