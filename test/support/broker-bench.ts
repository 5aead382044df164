import { type OptionalTool, optionalTool } from './optional.ts';

/** A broker that a suite starts for itself. */
interface Stoppable {
  stop(): Promise<void>;
}

/**
 * Starts a broker for the tests of the surrounding `describe`, which skip where it is not installed.
 *
 * @param startsWithin milliseconds that the start may take. Default: mocha's.
 */
export function useBroker<T extends Stoppable>(
  tool: OptionalTool,
  start: (program: string) => Promise<T>,
  startsWithin?: number,
): () => T {
  let broker: T | undefined;

  before(async function () {
    const program = optionalTool(tool);
    if (program === undefined) this.skip();
    if (startsWithin !== undefined) this.timeout(startsWithin);
    broker = await start(program);
  });

  after(async function () {
    if (startsWithin !== undefined) this.timeout(startsWithin);
    await broker?.stop();
  });

  return () => {
    if (broker === undefined) throw new Error(`${tool} runs only inside of a test`);
    return broker;
  };
}
