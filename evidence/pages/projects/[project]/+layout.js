// A warehouse without a project has no such page.
export const prerender = 'auto';
