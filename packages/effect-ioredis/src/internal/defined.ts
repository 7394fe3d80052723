/** Gives the fields that are not undefined: whoever says undefined says nothing. */
export const defined = <A extends object>(settings: A | undefined): Partial<A> =>
  // A part of what it was given has the type of a part.
  Object.fromEntries(Object.entries(settings ?? {}).filter(([, value]) => value !== undefined)) as Partial<A>
