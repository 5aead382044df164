export { Client, type SettledBy, type Subscription, type WaitingMessage } from './client/client.ts';
export type { BackoffOptions } from './client/backoff.ts';
export type { PublishRequest } from './client/message.ts';
export { ClientNumbers, type LastFailure, type Traffic } from './client/numbers.ts';
export { type ClientOptions, DEFAULT_OUTBOX, GRACE_TIME, type WillRequest } from './client/options.ts';
export type { OutboxOptions } from './client/outbox.ts';
export type { ClientState } from './client/state.ts';
export type { OutcomeListener, SubscriptionOutcome } from './client/outcome.ts';
export {
  ClientClosed,
  ConnectionRefused,
  ConnectUnanswered,
  InvalidServer,
  MqttError,
  type MqttErrorCode,
  NotMqtt,
  NotTls,
  type OtherProtocol,
  PacketTooLarge,
  PublishRejected,
  ServerDisconnected,
  SubscriptionRefused,
  systemCodeOf,
  textOf,
  TlsUnanswered,
} from './protocol/errors.ts';
export type {
  ConnackPacket,
  ConnackProperties,
  DisconnectProperties,
  Message,
  MessageProperties,
  ProtocolVersion,
  PublishPacket,
  QoS,
  RetainHandling,
  SubscriptionOptions,
  UserProperties,
} from './protocol/packet.ts';
export type { ServerLimits } from './connection/server-limits.ts';
export { describeReasonCode, isRefusal } from './protocol/reason-codes.ts';
export { parseTopicFilter, parseTopicName, type TopicFilter, type TopicName } from './protocol/topic.ts';
export { probe } from './probe/probe.ts';
export type { Listener, ProbeFailure, ProbeReport, Stage, Step } from './probe/report.ts';
export type { Receiver, Work, Workable, WorkState } from './router/router.ts';
export { DiskStore, type DiskStoreOptions } from './store/disk-store.ts';
export { MemoryStore } from './store/memory-store.ts';
export { sizeOf } from './store/message-size.ts';
export type {
  SessionIdentity,
  SessionStore,
  Settle,
  StoredMessage,
  StoredSession,
  StoredSubscription,
  StoredWish,
} from './store/session-store.ts';
export { shownText } from './protocol/visible.ts';
export type { Certificate } from './transport/dial-watch.ts';
export { openSslReason } from './transport/failure.ts';
export { describeServer, parseServer } from './transport/server.ts';
export type { TlsOptions } from './transport/tls.ts';
export type { Histogram } from './util/histogram.ts';
