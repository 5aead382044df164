import { NO_LIMIT, type Scenario } from './plan.ts';
import { play } from './world.ts';

/** The shortest scenario found that breaks the same promise: steps, nodes and troubles are left out while it still does. */
export async function shrink(scenario: Scenario): Promise<Scenario> {
  const promise = (await play(scenario)).violation?.promise;
  if (promise === undefined) return scenario;
  const breaks = async (candidate: Scenario): Promise<boolean> =>
    (await play(candidate)).violation?.promise === promise;
  let shortest = scenario;
  for (let length = Infinity; length > shortest.steps.length;) {
    length = shortest.steps.length;
    shortest = await withoutSteps(shortest, breaks);
    shortest = await simpler(shortest, breaks);
  }
  return shortest;
}

type Breaks = (candidate: Scenario) => Promise<boolean>;

async function withoutSteps(scenario: Scenario, breaks: Breaks): Promise<Scenario> {
  let { steps } = scenario;
  for (let size = steps.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < steps.length;) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (await breaks({ ...scenario, steps: fewer })) steps = fewer;
      else at += size;
    }
  }
  return { ...scenario, steps };
}

async function simpler(scenario: Scenario, breaks: Breaks): Promise<Scenario> {
  let simplest = scenario;
  for (const candidate of simplifications(scenario)) {
    const next = { ...simplest, ...candidate };
    if (await breaks(next)) simplest = next;
  }
  for (const [index, step] of simplest.steps.entries()) {
    const { action } = step;
    if (!('count' in action) || action.count < 2) continue;
    const once = { ...step, action: { ...action, count: 1 } };
    const next = { ...simplest, steps: simplest.steps.with(index, once) };
    if (await breaks(next)) simplest = next;
  }
  return simplest;
}

/** What a reader would rather not have to think about. */
function simplifications({ manner, nodes, server }: Scenario): Partial<Scenario>[] {
  return [
    { birth: undefined },
    { closing: undefined },
    { manner: { leastDelay: 10, mostDelay: 10, split: 0, merge: 0, block: 0 } },
    { manner: { ...manner, split: 0, merge: 0, block: 0 } },
    { server: { ...server, think: 0, window: 20, answersPuback: false, hangsUpBeyond: NO_LIMIT } },
    { nodes: nodes.map((node) => ({ ...node, reaction: 'nothing' as const })) },
  ];
}
