import type { Mark } from './evidence.ts';
import { Excuses, type Incidents } from './incidents.ts';
import { judgeIncoming, judgeOutgoing, type Verdict } from './judge.ts';
import { EMPTY_PAGE, type Ledger, type Page } from './ledger.ts';
import type { Observer } from './observer.ts';
import { CHAOS_STREAMS, type Setup, type Stream, titleOf } from './streams.ts';
import type { Wire } from './wire.ts';

/** All who saw something. */
export interface Witnesses {
  readonly ledger: Ledger;
  readonly observer: Observer;
  readonly wires: ReadonlyMap<Setup, Wire>;
  /** The first message of a stream that counts. */
  readonly firstOf: (stream: Stream) => number;
}

/** A verdict on each stream, by what its witnesses saw. */
export function verdictsOn(witnesses: Witnesses, incidents: Incidents): Verdict[] {
  const excuses = new Excuses(incidents);
  return CHAOS_STREAMS.map((stream) =>
    stream.direction === 'out' ? onOutgoing(stream, witnesses, excuses) : onIncoming(stream, witnesses, excuses),
  );
}

function onOutgoing(stream: Stream, witnesses: Witnesses, excuses: Excuses): Verdict {
  const { observer, wires } = witnesses;
  const acknowledged = wires.get(stream.setup)?.acknowledged.of(stream.qos) ?? [];
  const arrivals = observer.arrived(stream);
  return judgeOutgoing({ ...common(stream), page: pageOf(stream, witnesses), arrivals, acknowledged }, excuses);
}

function onIncoming(stream: Stream, witnesses: Witnesses, excuses: Excuses): Verdict {
  const { qos, setup } = stream;
  const first = witnesses.firstOf(stream);
  const counted = (marks: readonly Mark[] = []): Mark[] => marks.filter(({ number }) => number >= first);
  const page = pageOf(stream, witnesses);
  const { done, had } = witnesses.observer.published(stream);
  const wire = witnesses.wires.get(setup);
  const facts = {
    ...common(stream),
    page: { ...page, received: counted(page.received) },
    published: counted(done),
    had: counted(had),
    given: counted(wire?.given.of(qos)),
    releasedAgain: counted(wire?.releasedAgain.of(qos)),
    taken: counted(wire?.taken.of(qos)),
    open: (wire?.open(qos) ?? []).filter((number) => number >= first),
  };
  return judgeIncoming(facts, excuses);
}

function common(stream: Stream): { name: string; connection: string; qos: Stream['qos']; isKept: boolean } {
  const { setup, qos } = stream;
  return { name: titleOf(stream), connection: setup.id, qos, isKept: setup.session === 'kept' };
}

function pageOf({ node }: Stream, { ledger }: Witnesses): Page {
  return ledger.pages.get(node) ?? EMPTY_PAGE;
}
