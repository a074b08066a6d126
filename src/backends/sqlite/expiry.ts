/** When something that is kept for `expires` milliseconds is over, as it stands in the tables; null: never. */
export function expiryOf(expires: number | undefined, now: number): number | null {
  return expires === undefined ? null : Math.round(now + expires)
}
