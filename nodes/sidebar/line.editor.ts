const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 100;
const HEIGHT = 20;

/** A small line of numbers, the latest at the right; drawn by hand. */
export class Line {
  readonly element = document.createElementNS(SVG, 'svg');
  readonly #path = document.createElementNS(SVG, 'polyline');
  readonly #lowest: number | undefined;

  /** @param lowest what lies at the bottom; not given: the least of the numbers. */
  constructor(lowest?: number) {
    this.#lowest = lowest;
    this.element.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.element.setAttribute('preserveAspectRatio', 'none');
    this.element.setAttribute('class', 'posthorn-sb-line');
    this.element.setAttribute('aria-hidden', 'true');
    this.#path.setAttribute('vector-effect', 'non-scaling-stroke');
    this.element.append(this.#path);
  }

  /** @param room places, from the right: fewer numbers do not fill it. */
  draw(values: readonly number[], room: number): void {
    this.#path.setAttribute('points', pointsOf(values, room, this.#lowest).join(' '));
  }
}

/** Exported for its test. */
export function pointsOf(values: readonly number[], room: number, lowest?: number): string[] {
  const bottom = Math.min(...values, lowest ?? Infinity);
  const top = Math.max(...values);
  const height = top > bottom ? top - bottom : 1;
  const step = WIDTH / Math.max(1, room - 1);
  return values.map((value, index) => {
    const x = WIDTH - (values.length - 1 - index) * step;
    const y = HEIGHT - 1 - ((value - bottom) / height) * (HEIGHT - 2);
    return `${x.toFixed(1)},${(top > bottom || lowest !== undefined ? y : HEIGHT / 2).toFixed(1)}`;
  });
}
