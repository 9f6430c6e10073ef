package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/control/settings"
	"github.com/sluice-gateway/sluice/web/access"
)

// setUpAccess decides who may use the admin listener.
func (s *service) setUpAccess() error {
	bootstrap, err := s.bootstrapToken(context.Background())
	if err != nil {
		return err
	}
	s.guard, err = access.New(access.Options{Settings: accessSettings(s.cfg), Store: s.accounts, Bootstrap: bootstrap})
	if err != nil {
		return err
	}
	s.settings.Follow(settings.ApplierFunc(func(cfg *config.Config) (func(), error) {
		return func() { s.guard.Apply(accessSettings(cfg)) }, nil
	}))
	s.background(func(ctx context.Context) {
		s.guard.Run(ctx, func(err error) { s.log.Error("ended sessions not removed", "error", err.Error()) })
	})
	return nil
}

// accessSettings are a configuration's words on who may use the admin listener.
func accessSettings(c *config.Config) access.Settings {
	set := access.Settings{
		Token: c.Server.AdminToken.Reveal(), Session: c.Admin.Session, TrustedProxies: c.Server.TrustedProxies,
	}
	o := &c.Admin.OIDC
	if o.Issuer == "" {
		return set
	}
	set.OIDC = &access.OIDC{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), RedirectURL: o.RedirectURL,
		RoleClaim: o.RoleClaim, OwnerClaim: o.OwnerClaim,
	}
	for _, r := range o.Roles {
		set.OIDC.Roles = append(set.OIDC.Roles, access.ClaimRole{Value: r.Name, Role: access.Role(r.Role)})
	}
	return set
}

// bootstrapToken makes a token and shows it once, where nobody else could get in. That is
// safe only where nobody else can reach the listener.
func (s *service) bootstrapToken(ctx context.Context) (string, error) {
	if s.cfg.Server.AdminToken.Reveal() != "" {
		return "", nil
	}
	if s.accounts != nil {
		found, err := access.HasAdmin(ctx, s.accounts, s.cfg.Admin.OIDC.Issuer != "", time.Now())
		if err != nil {
			return "", fmt.Errorf("who may use the admin listener cannot be read: %w", err)
		}
		if found {
			return "", nil
		}
	}
	if !loopback(s.cfg.Server.AdminListen) {
		return "", fmt.Errorf("admin listener %s is reachable from outside and nobody could sign in: set server.admin_token, or make an account of the role admin on loopback first", s.cfg.Server.AdminListen)
	}
	token, _ := access.NewToken()
	fmt.Fprintf(s.errs, "Admin token for this run (shown once): %s\n", token)
	return token, nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
