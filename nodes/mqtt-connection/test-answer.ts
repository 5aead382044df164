import { type Certificate, type ProbeFailure, type ProbeReport, shownText, type Step } from '../../src/index.ts';
import type { FailureNumbers } from '../common/connection-numbers.ts';
import type { PasswordSource, ShownCertificate, TestAnswer, TestFailure, TestStep } from '../common/test-answer.ts';
import { failureOf } from './connection-numbers.ts';

/** Characters of a text from outside: a certificate may hold megabytes. */
const LONGEST = 300;

/** Addresses of a host. */
const MOST_ADDRESSES = 8;

/** With what a test was made. */
export interface TestUse {
  readonly password: PasswordSource;
  readonly tls: string | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export function answerOf(report: ProbeReport, { password, tls, at }: TestUse): TestAnswer {
  const { server, clientId, firstRefusal, steps, failure } = report;
  return {
    server: shown(server),
    clientId,
    password,
    tls: tls === undefined ? undefined : shown(tls),
    firstRefusal: firstRefusal === undefined ? undefined : shownFailure(firstRefusal, at),
    steps: steps.map(stepOf),
    failure: failure === undefined ? undefined : failureAnswer(failure, at),
  };
}

/** Nothing was tried: what was entered makes no sense. */
export function unusable(error: Error, { password, tls, at }: TestUse): TestAnswer {
  const failure = { stage: 'settings', milliseconds: 0, failure: shownFailure(error, at) } as const;
  return { server: '', clientId: '', password, tls, firstRefusal: undefined, steps: [], failure };
}

function stepOf(step: Step): TestStep {
  const { stage } = step;
  const milliseconds = Math.round(step.milliseconds);
  switch (stage) {
    case 'resolve':
      return { stage, milliseconds, seen: step.addresses.slice(0, MOST_ADDRESSES).map(shown) };
    case 'connect':
      return { stage, milliseconds, seen: [addressOf(shown(step.address), step.port)] };
    case 'proxy':
      return { stage, milliseconds, seen: [shown(step.proxy)] };
    case 'secure':
      return {
        stage,
        milliseconds,
        seen: [shown(step.protocol)],
        certificate: certificateOf(step.certificate),
        unverified: step.unverified === undefined ? undefined : shown(step.unverified),
      };
    case 'upgrade':
      return { stage, milliseconds, seen: [] };
    case 'mqtt':
      return { stage, milliseconds, seen: [VERSIONS[step.protocolVersion]] };
  }
}

function addressOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const VERSIONS = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' } as const;

function failureAnswer({ stage, milliseconds, error, listener, certificate }: ProbeFailure, at: number): TestFailure {
  return {
    stage,
    milliseconds: Math.round(milliseconds),
    failure: shownFailure(error, at),
    listener,
    certificate: certificateOf(certificate),
  };
}

function shownFailure(error: Error, at: number): FailureNumbers {
  const failure = failureOf(error, at);
  return { ...failure, message: shown(failure.message) };
}

function certificateOf(certificate: Certificate | undefined): ShownCertificate | undefined {
  if (certificate === undefined) return undefined;
  const { subject, issuer, names, validFrom, validTo, fingerprint } = certificate;
  return {
    subject: shown(subject),
    issuer: shown(issuer),
    names: shown(names),
    validFrom: dateOf(validFrom),
    validTo: dateOf(validTo),
    fingerprint: shown(fingerprint),
  };
}

function dateOf(text: string): number | undefined {
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : date;
}

function shown(text: string): string {
  const visible = shownText(text.slice(0, LONGEST));
  return text.length > LONGEST ? `${visible}…` : visible;
}
