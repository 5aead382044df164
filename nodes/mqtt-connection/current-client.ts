import { Client, type ClientOptions, type ClientState, MqttError, textOf } from '../../src/index.ts';

/** The client and its options, or why there is none: the settings make no sense. */
type Current =
  | { readonly client: Client; readonly options: ClientOptions; readonly unheard: () => void }
  | { readonly problem: MqttError };

export interface CurrentClientOwner {
  /** @throws {MqttError} why the settings make no sense. */
  options(): ClientOptions;
  /** Another client took the place of the last one, or none could: `problem` says why. */
  replaced(client: Client | undefined, problem: MqttError | undefined): void;
  changed(state: ClientState): void;
}

/** The client with the settings of now, and its renewal when they are others. Each client is heard as long as it is the current one. */
export class CurrentClient {
  readonly #owner: CurrentClientOwner;
  #current: Current | undefined;
  /** The settings are not those of the client any more. */
  #outdated = false;

  constructor(owner: CurrentClientOwner) {
    this.#owner = owner;
  }

  get client(): Client | undefined {
    return this.#current !== undefined && 'client' in this.#current ? this.#current.client : undefined;
  }

  get options(): ClientOptions | undefined {
    return this.#current !== undefined && 'options' in this.#current ? this.#current.options : undefined;
  }

  get problem(): MqttError | undefined {
    return this.#current !== undefined && 'problem' in this.#current ? this.#current.problem : undefined;
  }

  outdate(): void {
    this.#outdated = true;
  }

  /** Where the settings changed, another client takes over the store with its messages; within about 2 s. */
  async renew(): Promise<void> {
    if (this.#outdated) await this.replace();
  }

  /** Another client takes over; within about 2 s. @param between called when no client uses the store. */
  async replace(between: () => void = () => undefined): Promise<void> {
    this.#outdated = false;
    await this.client?.close();
    between();
    this.begin();
  }

  begin(): void {
    if (this.#current !== undefined && 'unheard' in this.#current) this.#current.unheard();
    this.#current = this.#made();
    this.#owner.replaced(this.client, this.problem);
  }

  #made(): Current {
    try {
      const options = this.#owner.options();
      const client = new Client(options);
      return { client, options, unheard: client.onState((state) => this.#owner.changed(state)) };
    } catch (error) {
      return { problem: error instanceof MqttError ? error : new MqttError('invalid-options', textOf(error)) };
    }
  }
}
