import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PATIENCE_MS = 120_000;
const END_MS = 5000;

/** A process of this benchmark: one question at a time is put to it, and it answers each by one message. */
export class HelperProcess {
  #child;
  #name;

  /**
   * @param {string} file relative to this folder
   * @param {object} options handed over as JSON
   */
  constructor(file, options) {
    this.#name = file;
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(options)], {
      stdio: ['ignore', 2, 2, 'ipc'], // the table alone goes to the standard output
    });
  }

  /**
   * @param {object} question
   * @returns {Promise<object>} its answer
   * @throws where the process fails, ends or stays silent for two minutes
   */
  async ask(question) {
    const stop = new AbortController();
    const { signal } = stop;
    try {
      const answer = once(this.#child, 'message', { signal });
      const ended = once(this.#child, 'exit', { signal }).then(([code]) => this.#fail(`ended with code ${code}`));
      this.#child.send(question);
      const [message] = await Promise.race([answer, ended, this.#silence(signal)]);
      return message.error === undefined ? message : this.#fail(message.error);
    } finally {
      stop.abort();
    }
  }

  /** Ends the process; by force where it does not end by itself. */
  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return;
    }
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    await exited;
    clearTimeout(force);
  }

  #fail(reason) {
    throw new Error(`${this.#name}: ${reason}`);
  }

  async #silence(signal) {
    await once(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]), 'abort');
    return this.#fail(`no answer within ${PATIENCE_MS / 1000} s`);
  }
}

/**
 * The other side: answers each question by what `answer` returns, or by the message of what it throws.
 *
 * @param {(question: object) => Promise<object>} answer
 */
export function answerQuestions(answer) {
  process.on('message', (question) => {
    answer(question).then(
      (message) => process.send(message),
      (error) => process.send({ error: error.message }),
    );
  });
  process.on('disconnect', () => process.exit()); // the benchmark is gone, by whatever way
  process.on('SIGTERM', () => process.exit());
}
