/**
 * What `ps` and `top` show of a running worker; as much of it fits as there was room for the command line.
 * Celery: `set_mp_process_title`.
 *
 * @param words the arguments of the command line.
 */
export function workerTitle(hostname: string, words: readonly string[]): string {
  return `[celeryd: ${hostname}:MainProcess] -active- (${words.join(' ')})`
}
