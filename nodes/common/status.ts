import type { ClientState, MqttError } from '../../src/index.ts';
import { failureId } from '../failures/failure-id.ts';
import { commonStatus, failureStatus, statusText } from '../failures/status-text.ts';

/** What `node.status` takes. */
export interface NodeStatus {
  readonly fill: 'red' | 'green' | 'yellow';
  readonly shape: 'ring' | 'dot';
  readonly text: string;
}

/** What a node shows for the state of its connection. `verified`: false when a person turned the certificate check off. */
export function statusOf(state: ClientState, verified: boolean): NodeStatus {
  switch (state.phase) {
    case 'idle':
    case 'closing':
    case 'closed':
      return { fill: 'red', shape: 'ring', text: commonStatus('disconnected') };
    case 'connecting':
      // A further attempt after a failure goes on showing the failure: that is what a person needs to read.
      return state.cause === undefined
        ? { fill: 'yellow', shape: 'ring', text: commonStatus('connecting') }
        : failure(state.cause);
    case 'connected':
      if (!verified) return { fill: 'yellow', shape: 'dot', text: statusText('tls-not-verified') };
      return { fill: 'green', shape: 'dot', text: commonStatus('connected') };
    case 'waiting':
      return failure(state.cause);
  }
}

/** A failure's few words; the whole sentence is in the log and in what Catch nodes get. */
export function failure(error: MqttError): NodeStatus {
  return { fill: 'red', shape: 'ring', text: failureStatus(failureId(error)) };
}
