/** Why a request makes no sense: a sentence for who sent it. */
export class BadRequest extends Error {}
