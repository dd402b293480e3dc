// Makes built pages pass a strict Content-Security-Policy, and states it in them, for hosts that send no header.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'";
const FOLDER = '_app/inline';

/** Moves each inline script below `build` into a file of its own, as a classic script: SvelteKit reads document.currentScript. */
export function protect(build) {
  fs.mkdirSync(path.join(build, FOLDER), { recursive: true });
  for (const name of fs.readdirSync(build, { recursive: true }).filter((file) => file.endsWith('.html'))) {
    const page = path.join(build, name);
    const html = fs.readFileSync(page, 'utf8');
    const base = html.match(/(?:href|src)="([^"]*?)\/_app\//)?.[1] ?? '';
    const moved = html.replace(/<script>([^]*?)<\/script>/g, (_, code) => {
      const file = `${FOLDER}/${createHash('sha256').update(code).digest('hex').slice(0, 16)}.js`;
      fs.writeFileSync(path.join(build, file), code);
      return `<script src="${base}/${file}"></script>`;
    });
    fs.writeFileSync(page, moved.replace('<head>', `<head>\n\t\t<meta http-equiv="Content-Security-Policy" content="${POLICY}" />`));
  }
}
