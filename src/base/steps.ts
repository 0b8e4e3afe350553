// Long work in steps: a generator that stops where a loop may serve somebody else in between. Who has nobody to serve runs it to its end.

export type Steps<T> = Generator<undefined, T, undefined>;

export function finished<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
