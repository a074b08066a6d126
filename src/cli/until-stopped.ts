const STOPS = ['SIGTERM', 'SIGINT'] as const

/** Does something until it is done, or the process is told to stop: then the signal fires. Told again, it ends at once. */
export async function untilStopped<T>(deed: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  for (const signal of STOPS) process.once(signal, abort)
  const release = keepRunning()
  try {
    return await deed(stop.signal)
  } finally {
    release()
    for (const signal of STOPS) process.off(signal, abort)
  }
}

/** Keeps the process from ending though nothing holds it, as with a broker in memory, until the answer is called. */
export function keepRunning(): () => void {
  const timer = setInterval(() => undefined, 2 ** 30)
  return () => clearInterval(timer)
}
