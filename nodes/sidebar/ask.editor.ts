/** Why Node-RED did not do what it was asked. */
export interface RequestFailure {
  /** 0: it does not answer. */
  readonly status: number;
  /** Its own sentence, or what the browser says. */
  readonly sentence: string;
}

/**
 * Asks Node-RED, with the login of the editor, under whatever path that has: by the editor's own way of asking, which a
 * stream of the browser does not take.
 *
 * @returns what it answered; undefined: nothing, because what was asked about is over. Rejects with a `RequestFailure`.
 */
export function ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const request: JQuery.jqXHR<T> = $.ajax({
      url: path,
      type: method,
      dataType: 'json',
      timeout: LONGEST,
      ...(method === 'POST' && { data: JSON.stringify(body ?? {}), contentType: 'application/json' }),
    });
    request
      .done((answer: T | undefined) => resolve(answer))
      .fail(({ status, responseText, statusText }) =>
        reject({ status, sentence: responseText || statusText } satisfies RequestFailure),
      );
  });
}

/** Milliseconds. */
const LONGEST = 20_000;
