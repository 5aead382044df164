import type { BrokerLimits, ConnectionNumbers, TrafficNumbers } from '../common/connection-numbers.ts';
import { type ConnectionEntry, CONNECTIONS_PATH } from '../common/sidebar-answers.ts';
import { ageOf } from '../common/age.ts';
import { ask } from './ask.editor.ts';
import { button, element, setText, show } from './dom.editor.ts';
import { Line } from './line.editor.ts';
import { Rate } from './rates.editor.ts';
import { mayChange, sidebarRed } from './sidebar-red.editor.ts';
import { whatToDo } from './what-to-do.editor.ts';
import { ageAt, counted, rateOf, say, sizeOf } from './words.editor.ts';

/** Samples of a rate's line. */
const SAMPLES = 60;
const FOR_EVER = 0xffffffff;

/** A connection, with all that is known of it. */
export class ConnectionCard {
  readonly element = element('section', { class: 'posthorn-sb-card' });
  readonly #name = element('button', { type: 'button', class: 'posthorn-sb-name', title: say('card.reveal') });
  readonly #state = element('div', { class: 'posthorn-sb-state' });
  readonly #meta = element('div', { class: 'posthorn-sb-meta' });
  readonly #received = new TrafficRow('card.received');
  readonly #sent = new TrafficRow('card.sent');
  readonly #facts = new Facts(['card.waiting', 'card.inFlight', 'card.dropped', 'card.reconnects']);
  readonly #failure = element('div', { class: 'posthorn-sb-failure' });
  readonly #failureAge = element('div', { class: 'posthorn-sb-failure-age' });
  readonly #failureText = element('div');
  readonly #advice = element('div', { class: 'posthorn-sb-advice' });
  readonly #limits = element('details', { class: 'posthorn-sb-limits' }, element('summary', {}, say('card.limits')));
  readonly #limitFacts = new Facts(LIMITS.map(({ key }) => key));
  readonly #connect: HTMLButtonElement;
  readonly #disconnect: HTMLButtonElement;
  #nodeId = '';

  /** @param acted a person changed something: its state may be another one soon. */
  constructor(id: string, acted: () => void) {
    const tell = (action: string) => () =>
      void ask('POST', `${CONNECTIONS_PATH}/${encodeURIComponent(id)}/${action}`, {}).then(acted, acted);
    this.#connect = button(say('card.connect'), tell('connect'), {
      class: 'red-ui-button red-ui-button-small posthorn-sb-connect',
    });
    this.#disconnect = button(say('card.disconnect'), tell('disconnect'), {
      class: 'red-ui-button red-ui-button-small posthorn-sb-disconnect',
    });
    this.#name.addEventListener('click', () => sidebarRed().view.reveal(this.#nodeId));
    this.#failure.append(this.#failureAge, this.#failureText, this.#advice);
    this.#limits.append(this.#limitFacts.element);
    const title = element('header', {}, element('span', { class: 'posthorn-sb-light' }), this.#name);
    title.append(this.#connect, this.#disconnect);
    const traffic = element('div', { class: 'posthorn-sb-traffic' }, ...this.#received.cells, ...this.#sent.cells);
    this.element.append(title, this.#state, this.#meta, traffic, this.#facts.element, this.#failure, this.#limits);
  }

  /** @param now of the runtime, in milliseconds since the epoch. */
  update(entry: ConnectionEntry, now: number): void {
    this.#nodeId = entry.nodeId;
    this.element.dataset['state'] = entry.state;
    this.element.setAttribute('aria-label', entry.label);
    setText(this.#name, entry.label);
    setText(this.#state, stateText(entry, now));
    setText(this.#meta, metaText(entry));
    this.#received.update(entry.received, now);
    this.#sent.update(entry.sent, now);
    this.#facts.update([waitingText(entry), counted(entry.inFlight), droppedText(entry), counted(entry.reconnects)]);
    this.#showFailure(entry, now);
    this.#showLimits(entry.limits);
    const isOn = entry.state !== 'idle' && entry.state !== 'closed';
    show(this.#connect, mayChange() && !isOn);
    show(this.#disconnect, mayChange() && isOn);
  }

  #showFailure({ lastFailure, state }: ConnectionNumbers, now: number): void {
    show(this.#failure, lastFailure !== undefined);
    if (lastFailure === undefined) return;
    const { what, doThis } = whatToDo(lastFailure);
    // What is over is told, but not as if it were now.
    this.#failure.classList.toggle('posthorn-sb-past', state === 'connected');
    setText(this.#failureAge, say('card.failure', { age: ageAt(now, lastFailure.at) }));
    setText(this.#failureText, what);
    setText(this.#advice, doThis);
    show(this.#advice, doThis !== '');
  }

  #showLimits(limits: BrokerLimits | undefined): void {
    show(this.#limits, limits !== undefined);
    if (limits !== undefined) this.#limitFacts.update(LIMITS.map(({ show: shown }) => shown(limits)));
  }
}

/** What passes in one direction: a name, a rate, its line. */
class TrafficRow {
  readonly #rate = new Rate();
  readonly #text = element('span', { class: 'posthorn-sb-rate' });
  readonly #line = new Line(0);
  readonly cells: readonly (Node | string)[];

  constructor(key: string) {
    this.cells = [element('span', { class: 'posthorn-sb-direction' }, say(key)), this.#text, this.#line.element];
  }

  update({ packets, bytes }: TrafficNumbers, now: number): void {
    const count = sum(packets);
    this.#rate.read(count, now);
    setText(this.#text, rateOf(this.#rate.now ?? 0));
    this.#text.title = say('card.total', { count: counted(count), size: sizeOf(sum(bytes)) });
    this.#line.draw(this.#rate.values, SAMPLES);
  }
}

/** Names with values, of which only the values change. */
class Facts {
  readonly element = element('dl', { class: 'posthorn-sb-facts' });
  readonly #values: readonly HTMLElement[];

  constructor(keys: readonly string[]) {
    this.#values = keys.map((key) => {
      const value = element('dd');
      this.element.append(element('div', {}, element('dt', {}, say(key)), value));
      return value;
    });
  }

  update(values: readonly string[]): void {
    for (const [index, value] of values.entries()) {
      const at = this.#values[index];
      if (at !== undefined) setText(at, value);
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function stateText({ state, connectedSince, nextAttempt }: ConnectionNumbers, now: number): string {
  const words = say(`state.${state}`);
  if (connectedSince !== undefined) return `${words} ${say('card.since', { age: ageAt(now, connectedSince) })}`;
  return nextAttempt === undefined ? words : `${words} · ${say('card.next', { age: ageAt(nextAttempt, now) })}`;
}

const VERSIONS: Readonly<Record<number, string>> = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' };

function metaText({ server, protocolVersion, session, roundTrip, clientId }: ConnectionEntry): string {
  const parts = [
    server,
    protocolVersion === undefined ? undefined : VERSIONS[protocolVersion],
    session === undefined ? undefined : say(`card.session.${session}`),
    roundTrip === undefined
      ? undefined
      : say('card.roundTrip', { ms: roundTrip < 10 ? roundTrip.toFixed(1) : Math.round(roundTrip) }),
    clientId === undefined || clientId === '' ? undefined : clientId,
  ];
  return parts.filter((part) => part !== undefined).join(' · ');
}

function waitingText({ outbox: { messages, bytes, oldest } }: ConnectionNumbers): string {
  if (messages === 0) return counted(0);
  return say('card.waitingSome', { count: counted(messages), size: sizeOf(bytes), age: ageOf(oldest * 1000) });
}

function droppedText({ dropped }: ConnectionNumbers): string {
  return counted(dropped);
}

/** The broker's limits, in the order in which they are told. */
const LIMITS: readonly { readonly key: string; readonly show: (limits: BrokerLimits) => string }[] = [
  { key: 'limit.maximumQoS', show: ({ maximumQoS }) => String(maximumQoS) },
  { key: 'limit.retainAvailable', show: ({ retainAvailable }) => yesOrNo(retainAvailable) },
  {
    key: 'limit.maximumPacketSize',
    show: ({ maximumPacketSize }) => (maximumPacketSize === undefined ? say('limit.none') : sizeOf(maximumPacketSize)),
  },
  { key: 'limit.receiveMaximum', show: ({ receiveMaximum }) => counted(receiveMaximum) },
  { key: 'limit.topicAliasMaximum', show: ({ topicAliasMaximum }) => counted(topicAliasMaximum) },
  { key: 'limit.wildcard', show: (limits) => yesOrNo(limits.wildcardSubscriptionAvailable) },
  { key: 'limit.identifiers', show: (limits) => yesOrNo(limits.subscriptionIdentifiersAvailable) },
  { key: 'limit.shared', show: (limits) => yesOrNo(limits.sharedSubscriptionAvailable) },
  { key: 'limit.keepAlive', show: ({ keepAlive }) => (keepAlive === 0 ? say('limit.off') : secondsOf(keepAlive)) },
  {
    key: 'limit.sessionExpiry',
    show: ({ sessionExpiryInterval: seconds }) => (seconds === FOR_EVER ? say('limit.forEver') : secondsOf(seconds)),
  },
];

function yesOrNo(value: boolean): string {
  return say(value ? 'limit.yes' : 'limit.no');
}

function secondsOf(seconds: number): string {
  return ageOf(seconds * 1000);
}
