const STOPS = ['SIGTERM', 'SIGINT'] as const

/** Does something until it is done, or the process is told to stop: then the signal fires. Told again, it ends at once. */
export async function untilStopped<T>(deed: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  for (const signal of STOPS) process.once(signal, abort)
  try {
    return await deed(stop.signal)
  } finally {
    for (const signal of STOPS) process.off(signal, abort)
  }
}
