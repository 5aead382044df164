import { CONNECTIONS_PATH, type ConnectionsAnswer } from '../common/sidebar-answers.ts';
import { ask, type RequestFailure } from './ask.editor.ts';
import { ConnectionCard } from './connection-card.editor.ts';
import { element, setText, show } from './dom.editor.ts';
import { counted, say } from './words.editor.ts';

/** All connections that run, each as a card. */
export class ConnectionsView {
  readonly element = element('div', { class: 'posthorn-sb-connections' });
  readonly #note = element('p', { class: 'posthorn-sb-note', role: 'status' });
  readonly #cards = new Map<string, ConnectionCard>();
  readonly #changed: (answer: ConnectionsAnswer) => void;

  /** @param changed told of each answer. */
  constructor(changed: (answer: ConnectionsAnswer) => void) {
    this.#changed = changed;
    this.element.append(this.#note);
    show(this.#note, false);
  }

  /** Asks once, and shows the answer. */
  async look(): Promise<void> {
    try {
      const answer = await ask<ConnectionsAnswer>('GET', CONNECTIONS_PATH);
      if (answer !== undefined) this.#show(answer);
    } catch (error) {
      this.#say(refusalText(error as RequestFailure));
    }
  }

  #show(answer: ConnectionsAnswer): void {
    const { connections, more, now } = answer;
    this.#say(connections.length === 0 ? say('none') : more > 0 ? say('more', { count: counted(more) }) : '');
    const gone = new Set(this.#cards.keys());
    for (const entry of connections) {
      gone.delete(entry.id);
      this.#card(entry.id).update(entry, now);
    }
    for (const id of gone) this.#remove(id);
    this.#changed(answer);
  }

  #card(id: string): ConnectionCard {
    const known = this.#cards.get(id);
    if (known !== undefined) return known;
    const card = new ConnectionCard(id, () => void this.look());
    this.#cards.set(id, card);
    this.element.append(card.element);
    return card;
  }

  #remove(id: string): void {
    this.#cards.get(id)?.element.remove();
    this.#cards.delete(id);
  }

  #say(note: string): void {
    setText(this.#note, note);
    show(this.#note, note !== '');
  }
}

export function refusalText({ status, sentence }: RequestFailure): string {
  if (status === 401 || status === 403) return say('denied');
  return status === 0 ? say('offline') : sentence;
}
