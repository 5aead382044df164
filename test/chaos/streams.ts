import { type Setup, SETUPS, type Stream, streamOf } from '../reliability/streams.ts';

/** Every connection, direction and quality of service. */
export const CHAOS_STREAMS: readonly Stream[] = SETUPS.flatMap((setup) =>
  (['out', 'in'] as const).flatMap((direction) => ([0, 1, 2] as const).map((qos) => streamOf(setup, direction, qos))),
);

export const OUT_STREAMS: readonly Stream[] = CHAOS_STREAMS.filter(({ direction }) => direction === 'out');
export const IN_STREAMS: readonly Stream[] = CHAOS_STREAMS.filter(({ direction }) => direction === 'in');

export { type Setup, SETUPS, type Stream };

export function titleOf({ setup, direction, qos }: Stream): string {
  return `${setup.version === 4 ? '3.1.1' : '5'} ${setup.session} ${direction} QoS ${qos}`;
}

/** Bytes of a message: most are small, some need several writes. */
export function sizeOf(number: number): number {
  return number % 97 === 0 ? 16_384 : 16 + ((number * 31) % 200);
}

/** As {@link sizeOf} has it. */
export function payloadOf(number: number): string {
  return `${number} `.padEnd(sizeOf(number), '.');
}

export function numberIn(payload: string): number {
  return Number.parseInt(payload, 10);
}
