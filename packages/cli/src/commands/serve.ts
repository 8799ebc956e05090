/** `berth serve`: runs Berth on this machine until Ctrl-C. */
import type { Command } from 'commander'
import { collect } from '../command-options.ts'
import { readServeSettings, type ServeFlags } from '../serve-settings.ts'

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('run Berth on this machine: API, console and endpoints, until Ctrl-C')
    .option('--port <number>', 'port to listen on; 0 takes a free one (BERTH_PORT, default 8080)')
    .option('--host <address>', 'address to listen on (BERTH_HOST, default 127.0.0.1)')
    .option('--store <sqlite|url>', 'sqlite, or a postgres:// URL (BERTH_STORE, default sqlite)')
    .option(
      '--runtime <names>',
      'process, docker for containers, or both: process,docker (BERTH_RUNTIME, default process)',
    )
    .option(
      '--models-root <directory>',
      'allow models below this directory; repeatable (BERTH_MODELS_ROOTS)',
      collect,
    )
    .option('--domain <domain>', 'also answer at {name}-{namespace}.<domain> (BERTH_DOMAIN)')
    .option(
      '--public-url <url>',
      'where clients reach it when that is not where it listens: behind a proxy, on 0.0.0.0 (BERTH_PUBLIC_URL)',
    )
    .option(
      '--gateway-workers <number>',
      'gateway processes that share the port (BERTH_GATEWAY_WORKERS, default 1)',
    )
    .option('--access-log <on|off>', 'write a line for each request (BERTH_ACCESS_LOG, default off)')
    .option('--tls-cert <file>', 'serve https with this certificate, in PEM (BERTH_TLS_CERT)')
    .option('--tls-key <file>', 'its private key, in PEM (BERTH_TLS_KEY)')
    .option(
      '--acme-agree',
      'obtain a certificate by ACME and agree to the terms of its authority (BERTH_ACME_AGREE)',
    )
    .option(
      '--acme-name <name>',
      'a name for the certificate, beside --domain; repeatable (BERTH_ACME_NAMES)',
      collect,
    )
    .option('--acme-email <address>', 'where the authority may write to (BERTH_ACME_EMAIL)')
    .option(
      '--acme-directory <url>',
      "the authority's directory (BERTH_ACME_DIRECTORY, default Let's Encrypt)",
    )
    .option('--log-level <level>', 'debug, info, warn, error or silent (BERTH_LOG_LEVEL, default info)')
    .action(async (_flags: unknown, command: Command) => {
      const settings = readServeSettings(command.optsWithGlobals<ServeFlags>(), process.env)
      const { serve } = await import('@berth/server/serve')
      await serve(settings)
    })
}
