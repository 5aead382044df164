import type { MqttError } from '../protocol/errors.ts';

/** Where a client is. One writer, many readers; everything shown to a person is a function of it. */
export type ClientState =
  | { readonly phase: 'idle' }
  | {
      readonly phase: 'connecting';
      readonly server: string;
      readonly attempt: number;
      readonly cause?: MqttError | undefined;
    }
  | { readonly phase: 'connected'; readonly server: string; readonly sessionPresent: boolean }
  /** `until`: milliseconds since the epoch. `cause`: why there is no connection. */
  | { readonly phase: 'waiting'; readonly until: number; readonly attempt: number; readonly cause: MqttError }
  | { readonly phase: 'closing' }
  | { readonly phase: 'closed' };
