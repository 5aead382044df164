/** MQTT 5 properties of a birth, close or will message as they are stored: all text, absent where empty. */
export interface StoredProperties {
  readonly contentType?: string;
  readonly userProps?: string;
  readonly respTopic?: string;
  readonly correl?: string;
  readonly expiry?: string;
  readonly delay?: string;
}

/** The entries that hold something, trimmed: an empty field is not stored. */
export function withoutBlanks(fields: StoredProperties): StoredProperties {
  const entries = Object.entries(fields).map(([name, value]) => [name, String(value ?? '').trim()] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}
