// Mistakes in the order in which nginx would have met them: `-g` first, then the main file, each included file where its `include` stands,
// and last what stands nowhere.
import type { Mistake } from './config-error.ts';
import type { Source } from './directive.ts';
import { COMMAND_LINE, placeOf } from './position.ts';

/** Lines and columns on the way from the main file to a place: those of each `include`, then its own. */
type Route = readonly number[];

export function inReadingOrder<T extends Mistake>(mistakes: readonly T[], sources: readonly Source[]): T[] {
  const routes = new Map<string, Route>();
  // A file is read after the one that includes it.
  for (const { file, includedAt: at } of sources) {
    const place = at && placeOf(at.source, at.offset);
    routes.set(file, place ? [...(routes.get(at.source.file) ?? []), place.line, place.column] : []);
  }
  const routeOf = ({ file, line, column }: Mistake): Route => {
    if (file === COMMAND_LINE) return [0, column];
    const route = line === 0 ? undefined : routes.get(file);
    return route === undefined ? [Number.POSITIVE_INFINITY, line, column] : [...route, line, column];
  };
  return mistakes
    .map((mistake) => ({ mistake, route: routeOf(mistake) }))
    .sort((a, b) => compare(a.route, b.route))
    .map(({ mistake }) => mistake);
}

function compare(a: Route, b: Route): number {
  for (const [i, number] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    if (number !== other) return number < other ? -1 : 1;
  }
  return a.length - b.length;
}
