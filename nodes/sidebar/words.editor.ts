import { ageOf } from '../common/age.ts';
import { text } from '../editor/text.ts';

export function say(key: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text('sidebar', key, values);
}

/** Such as `12,345`, as the browser's user writes it. */
export function counted(count: number): string {
  return count.toLocaleString();
}

/** Such as `3 min`; of what lies ahead, or was told by a clock that runs ahead, `0 s`. */
export function ageAt(now: number, at: number): string {
  return ageOf(Math.max(0, now - at));
}

/** Such as `12 B`, `1.5 KiB` or `3.2 MiB`. */
export function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kibibytes = bytes / 1024;
  return kibibytes < 1024 ? `${short(kibibytes)} KiB` : `${short(kibibytes / 1024)} MiB`;
}

/** Such as `0`, `0.4`, `12` or `20,000` a second. */
export function rateOf(perSecond: number): string {
  return say('card.rate', { rate: short(perSecond) });
}

function short(value: number): string {
  const digits = value < 10 ? 1 : 0;
  return value.toLocaleString(undefined, { maximumFractionDigits: digits });
}
