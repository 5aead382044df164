import { isTrue } from '../common/tick.ts';

/** Whether a connection with this stored `protocolVersion` may speak MQTT 5. A flow without one means 4, MQTT 3.1.1. */
export function speaksVersion5(protocolVersion: unknown): boolean {
  return protocolVersion === 'auto' || protocolVersion === '5' || protocolVersion === 5;
}

/** The `protocolVersion` that the dialog shows for what is stored, in old flows too (`compatmode` is MQTT 3.1). */
export function shownVersion(protocolVersion: unknown, compatmode: unknown): string {
  if (isTrue(compatmode)) return '3';
  const known = ['auto', '3', '4', '5'].find(
    (version) => version === protocolVersion || Number(version) === protocolVersion,
  );
  return known ?? '4';
}
