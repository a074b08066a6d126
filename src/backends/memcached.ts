/**
 * `cache+memcached://host:11211;host2/`: results in Memcached, which forgets them after `resultExpires`, and earlier when
 * it runs out of memory. Also by the names of Python's clients, `cache+memcache://`, `cache+pylibmc://` and
 * `cache+pymemcache://`; several servers are parted by `;`, a path is that of a socket. Celery: `CacheBackend`.
 */
import type { Backend, BackendOptions } from './backend.ts'
import { KeyValueBackend } from './key-value-backend.ts'
import { readMemcachedOptions } from './memcached/memcached-options.ts'
import { MemcachedStore } from './memcached/memcached-store.ts'

/** Opens the backend; it connects when it is first used. @throws ImproperlyConfigured */
export async function createMemcachedBackend(options: BackendOptions): Promise<Backend> {
  const { url, settings, codec } = options
  const client = readMemcachedOptions(url, settings['cache_backend_options'])
  const isText = codec.contentEncoding === 'utf-8'
  return new KeyValueBackend(new MemcachedStore({ ...client, isText }), options)
}
