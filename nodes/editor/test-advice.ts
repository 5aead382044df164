import type { TestAnswer, TestFailure } from '../common/test-answer.ts';

/** Where it is said what to do: among the texts of the test, or in the catalogue of failures under the failure's id. */
export type AdviceAt = { readonly test: string } | 'catalogue';

const CLIENT_ID_REFUSED = 0x85;

/**
 * What a person is told to do about a test that failed. What listens on the port says more than the failure, and of some
 * failures a test knows more than the catalogue does: that it has a client id of its own, that a TLS configuration has to
 * be deployed, that a path was entered.
 */
export function adviceOf({ server }: Pick<TestAnswer, 'server'>, failed: TestFailure): AdviceAt {
  const { listener, stage, failure } = failed;
  if (listener === 'mqtt' && /^wss?:/.test(server)) return { test: 'listener.mqttNoWebSocket' };
  if (listener !== undefined) return { test: `listener.${listener}` };
  if (failure.reasonCode === CLIENT_ID_REFUSED) return { test: 'advice.clientId' };
  if (stage === 'settings' && failure.code === 'tls-failed') return { test: 'advice.settings' };
  if (stage === 'proxy' || stage === 'upgrade') return { test: `advice.${stage}` };
  return 'catalogue';
}
