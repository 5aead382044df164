import { type StoredProperties, withoutBlanks } from './message-properties.ts';
import { contentTypeInput, optionalInput } from './typed-inputs.ts';

export type MessageKind = 'birth' | 'close' | 'will';

/** Fills the section of a birth, close or will message in the connection's dialog; `open` unfolds it. */
export function fillMessageSection(kind: MessageKind, stored: StoredProperties, open: boolean): void {
  $(`#posthorn-section-${kind}`).prop('open', open);
  // Who does not need the properties of MQTT 5 does not have to read past them.
  const { delay: _, ...properties } = withoutBlanks(stored);
  $(`#posthorn-section-${kind} .posthorn-more`).prop('open', Object.keys(properties).length > 0);
  contentTypeInput(field(kind, 'contentType'), stored.contentType);
  optionalInput(field(kind, 'props'), 'json', stored.userProps);
  optionalInput(field(kind, 'respTopic'), 'str', stored.respTopic);
  optionalInput(field(kind, 'correl'), 'str', stored.correl);
  optionalInput(field(kind, 'expiry'), 'num', stored.expiry);
  if (kind === 'will') $(field(kind, 'delay')).val(stored.delay ?? '');
}

/** The MQTT 5 properties of a section to store: none without a topic, because then there is no message. */
export function readMessageSection(kind: MessageKind): StoredProperties {
  if (valueOf(`#node-config-input-${kind}Topic`) === '') return {};
  return withoutBlanks({
    contentType: valueOf(field(kind, 'contentType')),
    userProps: valueOf(field(kind, 'props')),
    respTopic: valueOf(field(kind, 'respTopic')),
    correl: valueOf(field(kind, 'correl')),
    expiry: valueOf(field(kind, 'expiry')),
    delay: kind === 'will' ? valueOf(field(kind, 'delay')) : '',
  });
}

function field(kind: MessageKind, property: string): string {
  return `#node-config-input-${kind}-${property}`;
}

function valueOf(selector: string): string {
  const value = $(selector).val();
  return typeof value === 'string' ? value.trim() : '';
}
