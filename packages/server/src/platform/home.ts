/** Where everything lies below the data directory (`BERTH_HOME`). The only place that spells these paths. */
import path from 'node:path'

export type Home = ReturnType<typeof homeAt>

export function homeAt(directory: string) {
  const at = (...parts: string[]) => path.join(directory, ...parts)
  return {
    directory,
    database: at('berth.db'),
    /** Encrypts secrets and derives replica keys; mode 600. */
    keyFile: at('key'),
    /** The certificate, its key and the account with its authority, encrypted; mode 600. */
    certificateFile: at('certificate'),
    /** How it stands with the certificate, for `berth doctor`. */
    certificateStatus: at('run', 'certificate.json'),
    /** The first user's token, for the CLI; mode 600. */
    tokenFile: at('token'),
    /** The operator's own instance types; may be missing. */
    hardwareFile: at('hardware.json'),
    /** Held by the one control process of this directory. */
    lockFile: at('run', 'control.lock'),
    controlSocket: at('run', 'control.sock'),
    linkSocket: at('run', 'link.sock'),
    /** Where programs of this machine find the gateway's address. */
    gatewayRecord: at('run', 'gateway.json'),
    /** A record of each worker of the gateway, and the sockets by which they talk to each other. */
    gateways: at('run', 'gateways'),
    replicas: at('run', 'replicas'),
    cache: at('cache'),
    models: at('models'),
    /** Programs of the operator's that endpoints may have for their router, where there are no containers. */
    routers: at('routers'),
    logs: at('logs'),
    /** Of containers that are gone; apart, since each runtime removes what it does not know. */
    containerLogs: at('logs', 'containers'),
    /** What replicas printed, kept for weeks. */
    logArchive: at('logs', 'archive'),
    /** Time series, a directory for each endpoint. */
    series: at('series'),
    /** When requests came and how large they were, a directory for each endpoint. */
    arrivals: at('arrivals'),
  }
}
