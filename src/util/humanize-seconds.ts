const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** A length of time for people: `5.00 minutes`, `1.00 hour`; below a second `now`. Celery: `humanize_seconds`. */
export function humanizeSeconds(seconds: number, { prefix = '' }: { readonly prefix?: string } = {}): string {
  const rounded = Number(seconds.toFixed(2))
  const unit = UNITS.find(([, size]) => rounded >= size)
  if (unit === undefined) return 'now'
  const [name, size] = unit
  const count = rounded / size
  return `${prefix}${count.toFixed(2)} ${name}${count === 1 ? '' : 's'}`
}
